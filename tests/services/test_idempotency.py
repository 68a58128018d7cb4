"""A claim that was taken over: the work of the first must not count as well."""

from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from bookstore import clock, errors
from bookstore.extensions import db
from bookstore.models import IdempotencyKey, Publisher
from bookstore.services import accounts, idempotency
from bookstore.services.idempotency import Answer, Request
from bookstore.unit_of_work import unit_of_work
from tests.factories import PASSWORD, make_user

REQUEST = Request("user:1", "POST /x", "key", idempotency.fingerprint("secret", b"body"))


def refused(error: errors.BookstoreError) -> Answer:
    return Answer(409, {}, error.code.encode())


# SQLite lets nobody write while the work does.
@pytest.mark.parametrize("database", ["postgresql"])
def test_who_lost_the_lease_undoes_the_work(app: Flask) -> None:
    def work() -> Answer:
        with unit_of_work() as session:
            session.add(Publisher(name="Virago"))
        # So slow that meanwhile another has taken over.
        with db.engine.begin() as elsewhere:
            elsewhere.execute(update(IdempotencyKey).values(owner="another"))
        return Answer(201, {}, b"made")

    with pytest.raises(errors.IdempotencyInProgress):
        idempotency.run(REQUEST, work, refused)
    assert db.session.scalars(select(Publisher.name)).all() == []


def test_the_work_and_its_answer_are_stored_together(app: Flask) -> None:
    def work() -> Answer:
        with unit_of_work() as session:
            session.add(Publisher(name="Virago"))
        # Committed together with the answer, so not yet.
        with db.engine.connect() as elsewhere:
            assert elsewhere.scalar(select(Publisher.name)) is None
            stored = elsewhere.execute(select(IdempotencyKey.status_code)).one()
            assert stored.status_code is None
        return Answer(201, {"Location": "/x/1"}, b"made")

    first = idempotency.run(REQUEST, work, refused)
    again = idempotency.run(REQUEST, lambda: pytest.fail("worked twice"), refused)
    assert again == Answer(201, {"Location": "/x/1"}, b"made", replayed=True)
    assert not first.replayed
    assert db.session.scalars(select(Publisher.name)).all() == ["Virago"]


def test_old_keys_are_forgotten_and_young_ones_kept(app: Flask) -> None:
    for key in ("old", "young"):
        request = Request("user:1", "POST /x", key, REQUEST.fingerprint)
        idempotency.run(request, lambda: Answer(201, {}, b""), refused)
    with unit_of_work() as session:
        then = clock.now() - idempotency.LIFETIME - timedelta(seconds=1)
        old = update(IdempotencyKey).where(IdempotencyKey.key == "old")
        session.execute(old.values(created_at=then))
    assert idempotency.forget_old() == 1
    assert db.session.scalars(select(IdempotencyKey.key)).all() == ["young"]


def test_where_a_fingerprint_parts_matters() -> None:
    prints = {
        idempotency.fingerprint("secret", b"ab", b"c"),
        idempotency.fingerprint("secret", b"a", b"bc"),
        idempotency.fingerprint("other", b"a", b"bc"),
    }
    assert len(prints) == 3


def test_whose_a_kept_answer_is(app: Flask) -> None:
    """Its asker's; but that of a registration goes with the account that it has made."""
    accounts.register("otto", "otto@example.com", PASSWORD)  # by nobody's key: nothing is kept

    def refuse() -> Answer:
        raise errors.CartEmpty

    def register() -> Answer:
        user = accounts.register("anna", "anna@example.com", PASSWORD)
        return Answer(201, {}, str(user.id).encode())

    asker, stranger = make_user(), replace(REQUEST, scope="address:x", key="register")
    for key, work in (("refused", refuse), ("done", lambda: Answer(201, {}, b"made"))):
        request = replace(REQUEST, scope=f"user:{asker.id}", key=key, user_id=asker.id)
        idempotency.run(request, work, refused)
    made = int(idempotency.run(stranger, register, refused).body)
    idempotency.run(replace(stranger, key="none"), refuse, refused)
    kept = db.session.execute(select(IdempotencyKey.key, IdempotencyKey.user_id))
    assert {row.key: row.user_id for row in kept} == {
        "refused": asker.id,
        "done": asker.id,
        "register": made,
        "none": None,
    }
