"""Customers and the audit log in the console."""

from flask import Flask
from sqlalchemy import select

from bookstore.extensions import db
from bookstore.models import AuditEntry, User
from bookstore.services import accounts
from tests import paying
from tests.clients import statements
from tests.console.browsing import Browser
from tests.factories import PASSWORD, log_in, make_user


def test_one_is_found_and_helped(shop: Flask) -> None:
    with shop.app_context():
        ann, clerk_row = make_user("ann"), make_user("clerk", is_staff=True)
        order = paying.place(ann)
        street = order.shipping_address["line1"]
    api = log_in(shop, ann)
    log_in(shop, ann)
    clerk = Browser.of(shop, clerk_row)
    with statements(shop) as said:
        clerk.open("/admin/customers/?q=AN")
    assert len(said) == 2
    path = f"/admin/customers/{ann.id}"
    assert f'href="{path}"' in clerk.page
    assert "clerk@example.com" not in clerk.page
    assert f'href="{path}"' not in clerk.open("/admin/customers/?staff=true").page
    clerk.open(path)
    # No more of a person than it takes.
    for secret in (ann.password_hash, PASSWORD, street):
        assert secret not in clerk.page
    assert "0.00 USD" in clerk.page
    clerk.send(f"{path}/sessions")
    assert "Logins ended: 1." in clerk.page
    clerk.post(f"{path}/sessions", clerk.form(f"{path}/sessions") | {"session": ""})
    assert api.get("/me").status_code == 401
    clerk.send(f"{path}/premium")
    assert "A premium customer now." in clerk.page
    clerk.send(f"{path}/staff", username="anne")
    assert (clerk.answer.status_code, 'id="username-error"' in clerk.page) == (422, True)
    clerk.send(f"{path}/staff", username="ann")
    assert "A member of staff now." in clerk.page
    clerk.send(f"{path}/staff", username="ann")
    assert "No longer staff." in clerk.page
    own = f"/admin/customers/{clerk_row.id}"
    assert f"{own}/staff" not in clerk.open(own).page
    forged = clerk.form(f"{own}/premium") | {"is_staff": "false", "username": "clerk"}
    assert clerk.post(f"{own}/staff", forged).answer.status_code == 422
    with shop.app_context():
        found = db.session.get_one(User, ann.id)
        assert (found.is_staff, found.is_premium) == (False, True)
        entries = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
        about = ("user", str(ann.id))
        assert {(one.target_kind, one.target_id) for one in entries} == {about}
        names = ["end_session", "end_session", "set_premium", "set_staff", "set_staff"]
        assert [one.action for one in entries] == [f"console.customers.{n}" for n in names]
        # What was typed is not kept, nor what makes a form the console's own.
        assert entries[-1].detail == {"fields": ["is_staff", "username"]}
    clerk.open(f"/admin/audit-log/?target=user:{ann.id}&action=console.customers.set_staff")
    assert clerk.page.count("<tr") == 3
    clerk.open(f"/admin/audit-log/{entries[-1].id}")
    assert (f"user:{ann.id}" in clerk.page, "is_staff, username" in clerk.page) == (True, True)
    for wrong in ("from=yesterday", "cursor=x", "to=2026-02-30"):
        assert clerk.open(f"/admin/audit-log/?{wrong}").answer.status_code == 422
    assert clerk.open("/admin/audit-log/?from=2020-01-01&to=2020-01-02").page.count("<tr") == 0
    api = log_in(shop, ann)
    assert api.delete("/me").status_code == 204
    clerk.open(path)
    assert ("deleted" in clerk.page, f"{path}/staff" in clerk.page) == (True, False)
    with shop.app_context():
        assert accounts.find("clerk").is_staff
