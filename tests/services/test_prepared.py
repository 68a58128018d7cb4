from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import bindparam, insert, select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from bookstore import clock
from bookstore.extensions import db
from bookstore.models import Email, Publisher, ShippingMethod, StockMovement
from bookstore.prepared import Prepared
from bookstore.unit_of_work import execute, unit_of_work
from tests.clients import statements
from tests.factories import make_book, make_user

_PUTTING = Prepared(insert(Publisher.__table__).returning(Publisher.id, Publisher.name))


def publisher(name: str) -> dict[str, str]:
    return {"name": name, "name_sort": name.lower()}


def test_values_have_their_types(app: Flask) -> None:
    when = datetime(2026, 11, 27, 20, 30, tzinfo=UTC)
    user = make_user()
    mailing = Prepared(
        insert(Email.__table__).returning(Email.data, Email.created_at, Email.status)
    )
    row: dict[str, Any] = {
        "user_id": user.id,
        "template": "welcome",
        "data": {"names": ["Ann", None], "deep": {"é": 1}},
        "status": "pending",
        "attempts": 0,
        **dict.fromkeys(("next_attempt_at", "created_at", "touched_at"), when),
    }
    with unit_of_work() as session:
        found = execute(session, mailing, row).one()
    assert (found.data, found.created_at, found.status) == (row["data"], when, "pending")
    active = Prepared(select(ShippingMethod.is_active, ShippingMethod.code))
    for is_active, code in execute(db.session(), active):
        assert is_active is True
        assert isinstance(code, str)


@pytest.mark.parametrize("many", [1, 2, 20, 21])
def test_many_rows_are_one_statement(app: Flask, many: int) -> None:
    moving = Prepared(
        insert(StockMovement.__table__).returning(StockMovement.id, StockMovement.delta)
    )
    book = make_book()
    about = {"book_id": book.id, "reason": "adjustment", "order_id": None, "actor": "me"}
    rows = [{**about, "delta": n + 1, "at": clock.now()} for n in range(many)]
    with statements(app) as seen, unit_of_work() as session:
        found = execute(session, moving, rows).all()
    assert sorted(row.delta for row in found) == list(range(1, many + 1))
    assert len({row.id for row in found}) == many
    assert len(seen) == 1


def test_what_it_returned(app: Flask) -> None:
    named = Prepared(
        select(Publisher.name).where(Publisher.name > bindparam("after")).order_by("name")
    )
    with unit_of_work() as session:
        execute(session, _PUTTING, [publisher("Faber"), publisher("Virago")])
    session = db.session()
    assert [row.name for row in execute(session, named, {"after": ""})] == ["Faber", "Virago"]
    assert execute(session, named, {"after": "Faber"}).scalar_one() == "Virago"
    assert execute(session, named, {"after": "X"}).first() is None
    assert execute(session, named, {"after": "X"}).scalar_one_or_none() is None
    with pytest.raises(ValueError, match="unpack"):
        execute(session, named, {"after": "X"}).one()


def test_python_makes_what_is_not_given(app: Flask) -> None:
    """A column's default is SQLAlchemy's to make, each time."""
    bare = Prepared(insert(Publisher.__table__).returning(Publisher.created_at))
    with unit_of_work() as session:
        first = execute(session, bare, publisher("Faber")).scalar_one()
        assert first < execute(session, bare, publisher("Virago")).scalar_one()


def test_errors_are_those_of_any_statement(app: Flask) -> None:
    keyed = Prepared(insert(Publisher.__table__).returning(Publisher.id))
    row = {"id": 7, **publisher("Faber")}
    with unit_of_work() as session:
        execute(session, keyed, row)
    with pytest.raises(IntegrityError) as caught, unit_of_work() as session:
        execute(session, keyed, row)
    assert "Faber" not in str(caught.value)  # values are people's
    with unit_of_work() as session:
        assert execute(session, _PUTTING, publisher("Virago")).scalar()


def test_a_server_that_went_away(shop: Flask) -> None:
    asking = Prepared(select(Publisher.name))
    with shop.app_context():
        if db.engine.dialect.name != "postgresql":
            pytest.skip("SQLite has no server")
        session = db.session()
        process = session.connection().connection.driver_connection.info.backend_pid  # type: ignore[union-attr]
        with db.engine.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:process, 1000)"), {"process": process})
        with pytest.raises(OperationalError) as caught:
            execute(session, asking)
        assert caught.value.connection_invalidated
        session.rollback()
        assert execute(session, asking).all() == []
