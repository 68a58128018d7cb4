"""Coupons as staff keeps them: made, changed, switched off, removed."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bookstore import errors, money
from bookstore.extensions import settings
from bookstore.models import Book, Category, Coupon, CouponRedemption
from bookstore.services import coupon_records
from bookstore.services.actors import Acting, require_staff
from bookstore.services.coupon_records import CouponRecord
from bookstore.services.coupons import as_kept
from bookstore.unit_of_work import unit_of_work


def create(actor: Acting, fields: dict[str, Any]) -> CouponRecord:
    """Make a coupon and return it.

    Args:
        actor: staff.
        fields: code, kind, and value as text: a percentage ("12.5") for ``percent``, an amount
            ("5.00") for ``fixed``, none for ``free_shipping``; and, optionally, starts_at, ends_at,
            min_subtotal (minor units), usage_limit, per_user_limit, category_ids and book_ids (one
            that has either is only for those books), stackable, is_active.

    Raises:
        Forbidden: not staff.
        Invalid: naming the field that does not fit, or refers to nothing.
        CouponTaken: another has this code.
    """
    require_staff(actor)
    with unit_of_work() as session:
        coupon = Coupon(kind=fields["kind"], value=0, used=0, version=1)
        _change(session, coupon, {"value": None, **fields})
        session.add(coupon)
        _flush(session)
        return coupon_records.read(session, coupon.id)


def update(
    actor: Acting, coupon_id: int, changes: dict[str, Any], *, version: int | None = None
) -> CouponRecord:
    """Change a coupon and return it. It counts at once, also on carts where it lies.

    A limit below what was used is allowed: nobody gets it any more.

    Args:
        actor: staff.
        coupon_id: which.
        changes: as in ``create``, only what changes; another kind needs another value.
        version: refuse unless the coupon still has this version.

    Raises:
        NotFound: there is no such coupon.
        PreconditionFailed: it has changed meanwhile.
        Forbidden, Invalid, CouponTaken: as in ``create``.
    """
    require_staff(actor)
    with unit_of_work() as session:
        coupon = _locked(session, coupon_id, version)
        _change(session, coupon, changes)
        coupon.version += 1
        _flush(session)
        return coupon_records.read(session, coupon_id)


def remove(actor: Acting, coupon_id: int, *, version: int | None = None) -> None:
    """Remove a coupon that no order has used; it vanishes from carts.

    Raises:
        Forbidden, NotFound, PreconditionFailed: as above.
        CouponUsed: an order has used it, be it a cancelled one.
    """
    require_staff(actor)
    with unit_of_work() as session:
        _locked(session, coupon_id, version)
        used = select(CouponRedemption.id).where(CouponRedemption.coupon_id == coupon_id)
        if session.scalar(used.limit(1)) is not None:
            raise errors.CouponUsed
        try:
            session.execute(delete(Coupon).where(Coupon.id == coupon_id))
        except IntegrityError:
            # An order used it between the look and the leap.
            raise errors.CouponUsed from None


# -- inside ------------------------------------------------------------------------------------
def _locked(session: Session, coupon_id: int, version: int | None) -> Coupon:
    # Orders that merely refer to it are not waited for: of a popular coupon there always are some.
    lock = {"key_share": True}
    coupon = session.get(Coupon, coupon_id, with_for_update=lock, populate_existing=True)
    if coupon is None:
        raise errors.NotFound(f"There is no coupon {coupon_id}.")
    if version is not None and coupon.version != version:
        raise errors.PreconditionFailed
    return coupon


def _change(session: Session, coupon: Coupon, changes: dict[str, Any]) -> None:
    """Set fields of a coupon that is new, or locked; raises Invalid, CouponTaken."""
    changes = dict(changes)
    categories, books = changes.pop("category_ids", None), changes.pop("book_ids", None)
    kind = changes.pop("kind", coupon.kind)
    if "value" in changes or kind != coupon.kind:
        changes["value"] = _value(kind, changes.get("value"))
    if "code" in changes:
        changes["code"] = as_kept(changes["code"])
    with session.no_autoflush:
        wanted_categories = _named(session, "category_ids", Category, categories)
        wanted_books = _named(session, "book_ids", Book, books)
        if "code" in changes:
            same = select(Coupon.id).where(Coupon.code == changes["code"])
            if session.scalar(same) not in {None, coupon.id}:
                raise errors.CouponTaken
        coupon.kind = kind
        for name, value in changes.items():
            setattr(coupon, name, value)
        if coupon.starts_at and coupon.ends_at and coupon.ends_at <= coupon.starts_at:
            raise errors.Invalid({"ends_at": ["Must be after starts_at."]})
        # As collections, which write only what differs: a book that is being deleted holds the
        # rows that name it, and must not be waited for without need.
        if wanted_categories is not None:
            coupon.categories = wanted_categories
        if wanted_books is not None:
            coupon.books = wanted_books
        if categories is not None or books is not None:
            coupon.restricted = bool(coupon.categories or coupon.books)


def _named(session: Session, field: str, model: Any, ids: Iterable[int] | None) -> Any:
    """Return the rows with these ids; Invalid, naming the field, when one is missing."""
    if ids is None:
        return None
    wanted = sorted(set(ids))
    # Kept from being deleted until the coupon refers to them.
    query = select(model).where(model.id.in_(wanted)).order_by(model.id)
    query = query.with_for_update(read=True, key_share=True)
    found = list(session.scalars(query)) if wanted else []
    known = {row.id for row in found}
    missing = [str(id_) for id_ in wanted if id_ not in known]
    if missing:
        kind = model.__name__.lower()
        raise errors.Invalid({field: [f"There is no {kind} {', '.join(missing)}."]})
    return found


def _value(kind: str, text: str | None) -> int:
    if kind == "free_shipping":
        if text is not None:
            raise errors.Invalid({"value": ["Free shipping has none."]})
        return 0
    if text is None:
        raise errors.Invalid({"value": [f"Needed for a coupon of kind {kind}."]})
    try:
        if kind == "percent":
            value = money.to_thousandths(text)
        else:
            value = money.to_minor(text, settings().currency)
    except ValueError as error:
        raise errors.Invalid({"value": [str(error)]}) from None
    if not 0 < value <= money.MAX_MINOR:
        raise errors.Invalid({"value": ["Must be more than 0, and not beyond all measure."]})
    return value


def _flush(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        if "code" not in str(error.orig):
            raise
        # Another one was made with this code since we looked.
        raise errors.CouponTaken from None
