"""Coupons: made, changed, switched on and off, and who used them."""

from typing import Any

from flask import Blueprint, Response, url_for

from bookstore import auth, money
from bookstore.blueprints.console.entrance import staff, staff_asking
from bookstore.blueprints.console.forms import Form
from bookstore.blueprints.console.pages import done, page
from bookstore.extensions import settings
from bookstore.schemas.console.coupons import (
    KINDS,
    CouponFilters,
    CouponForm,
    SwitchForm,
    UseFilters,
)
from bookstore.schemas.console.fields import moment_text
from bookstore.services import coupon_editing, coupon_records
from bookstore.services.coupon_records import CouponRecord
from bookstore.services.paging import Page

MENU = "Coupons"
blp = Blueprint("coupons", __name__, url_prefix="/coupons")

# What it says that a field was left empty.
_BLANK: dict[str, Any] = {
    "value": None,
    "starts_at": None,
    "ends_at": None,
    "min_subtotal": 0,
    "usage_limit": None,
    "per_user_limit": None,
    "category_ids": [],
    "book_ids": [],
}
_SCOPE = ("category_ids", "book_ids")


@blp.get("/")
@staff_asking(CouponFilters)
def index() -> Response:
    """Return the list of coupons."""
    form, found = Form.asked(CouponFilters), Page([], None)
    with form:
        filters = form.load()
        filters.pop("cursor", None)
        found = coupon_records.list_coupons(auth.current_actor(), form.page_request, **filters)
    return page("console/coupons.html", form.status, form=form, found=found)


@blp.get("/new")
@staff
def new() -> Response:
    """Return the form that makes a coupon."""
    return _show_new(Form.of(CouponForm, kind="percent", is_active="true"))


@blp.post("/new")
@staff
def create() -> Any:
    """Make a coupon."""
    form = Form.sent(CouponForm)
    with form:
        fields = _loaded(form)
        made = form.once(lambda: str(coupon_editing.create(auth.current_actor(), fields).id))
        return done("The coupon is made.", _url(int(made)))
    return _show_new(form)


@blp.get("/<id:coupon_id>")
@staff_asking(UseFilters)
def coupon(coupon_id: int) -> Response:
    """Return a coupon, to be changed, and the orders that used it."""
    return _show(coupon_id, None)


@blp.post("/<id:coupon_id>")
@staff
def change(coupon_id: int) -> Any:
    """Change a coupon, unless somebody else has since the form was made."""
    form, actor = Form.sent(CouponForm), auth.current_actor()
    with form:
        fields = _loaded(form)
        before = coupon_records.get(actor, coupon_id)
        if all(fields[name] == getattr(before, name) for name in _SCOPE):
            # One whose books are all gone is for none; said anew, it would be for all.
            fields = {name: value for name, value in fields.items() if name not in _SCOPE}
        coupon_editing.update(actor, coupon_id, fields, version=form.version)
        return done(
            "The coupon is changed.", url_for("console.coupons.coupon", coupon_id=coupon_id)
        )
    return _show(coupon_id, form)


@blp.post("/<id:coupon_id>/switch")
@staff
def switch(coupon_id: int) -> Any:
    """Switch a coupon on or off."""
    form = Form.sent(SwitchForm)
    with form:
        wanted = form.load()
        coupon_editing.update(auth.current_actor(), coupon_id, wanted, version=form.version)
        word = "on" if wanted["is_active"] else "off"
        return done(f"It is {word}.", _url(coupon_id))
    return _show(coupon_id, None, form)


@blp.post("/<id:coupon_id>/remove")
@staff
def remove(coupon_id: int) -> Any:
    """Remove a coupon that nobody has used."""
    form = Form.sent(UseFilters)
    with form:
        coupon_editing.remove(auth.current_actor(), coupon_id, version=form.version)
        return done("The coupon is gone.", url_for("console.coupons.index"))
    return _show(coupon_id, None, form)


def _url(coupon_id: int) -> str:
    return url_for("console.coupons.coupon", coupon_id=coupon_id)


def _loaded(form: Form) -> dict[str, Any]:
    fields = form.load(_BLANK)
    # A box that is not ticked is not sent.
    return {"stackable": False, "is_active": False, **fields}


def _show_new(form: Form) -> Response:
    return page("console/coupon_new.html", form.status, form=form, kinds=KINDS)


def _show(coupon_id: int, form: Form | None, acted: Form | None = None) -> Response:
    actor, asked = auth.current_actor(), Form.asked(UseFilters, _url(coupon_id))
    found, uses = coupon_records.get(actor, coupon_id), Page([], None)
    with asked:
        asked.load()
        uses = coupon_records.uses(actor, coupon_id, asked.page_request)
    form = form or Form.of(CouponForm, **_texts(found))
    shown = next((one for one in (form, acted, asked) if one and one.problem), form)
    return page(
        "console/coupon.html",
        shown.status,
        coupon=found,
        form=form,
        acted=acted,
        asked=asked,
        uses=uses,
        kinds=KINDS,
    )


def _texts(found: CouponRecord) -> dict[str, str]:
    """Return a coupon as it stands in its form."""
    least = found.min_subtotal
    return {
        "code": found.code,
        "kind": found.kind,
        "value": found.value or "",
        "starts_at": moment_text(found.starts_at),
        "ends_at": moment_text(found.ends_at),
        "min_subtotal": money.to_text(least, settings().currency) if least else "",
        "usage_limit": str(found.usage_limit or ""),
        "per_user_limit": str(found.per_user_limit or ""),
        "category_ids": ", ".join(map(str, found.category_ids)),
        "book_ids": ", ".join(map(str, found.book_ids)),
        "stackable": "true" if found.stackable else "",
        "is_active": "true" if found.is_active else "",
    }
