"""Coupons as staff sees them. Making and changing them is ``coupon_editing``."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from bookstore import errors, money
from bookstore.extensions import db, settings
from bookstore.models import Coupon, CouponRedemption, Order as OrderRow
from bookstore.services import paging
from bookstore.services.actors import Acting, require_staff
from bookstore.services.coupons import as_kept
from bookstore.services.paging import Order, Page, PageRequest
from bookstore.services.sql import AnySelect


@dataclass(frozen=True, slots=True)
class CouponRecord:
    """A coupon as staff sees it. ``value`` is text as ``create`` takes it; amounts in minor units.

    ``used`` counts the orders that have it and were not cancelled. ``restricted`` without any
    category or book left: for nothing.
    """

    id: int
    code: str
    kind: str
    value: str | None
    starts_at: datetime | None
    ends_at: datetime | None
    min_subtotal: int
    usage_limit: int | None
    per_user_limit: int | None
    category_ids: list[int]
    book_ids: list[int]
    restricted: bool
    stackable: bool
    is_active: bool
    used: int
    version: int
    created_at: datetime
    updated_at: datetime


def list_coupons(actor: Acting, page: PageRequest, *, code: str | None = None) -> Page:
    """Return one page of ``CouponRecord``, newest first; with ``code``, the one that has it.

    Raises:
        Forbidden: not staff.
    """
    require_staff(actor)
    query = select(Coupon.id, Coupon).options(
        selectinload(Coupon.categories), selectinload(Coupon.books)
    )
    if code is not None:
        query = query.where(Coupon.code == as_kept(code))
    order = Order("-created", Coupon.id, Coupon.id, True, paging.parse_int)
    found = paging.fetch(db.session(), query, order, page)
    records = [_record(row.Coupon) for row in found.data]
    return Page(records, found.next_cursor, found.total)


def get(actor: Acting, coupon_id: int) -> CouponRecord:
    """Return one coupon.

    Raises:
        Forbidden: not staff.
        NotFound: there is no such coupon.
    """
    require_staff(actor)
    return read(db.session(), coupon_id)


def uses(actor: Acting, coupon_id: int, page: PageRequest) -> Page:
    """Return one page of the orders that used a coupon, newest first: order_id, number, status,
    currency, amount (minor units that it took off), created_at, and released_at, if that order was
    cancelled.

    Raises:
        Forbidden: not staff.
        Invalid: a bad cursor.
    """
    require_staff(actor)
    query: AnySelect = (
        select(
            CouponRedemption.order_id.label("id"),
            CouponRedemption.order_id,
            CouponRedemption.amount,
            CouponRedemption.created_at,
            CouponRedemption.released_at,
            OrderRow.number,
            OrderRow.status,
            OrderRow.currency,
        )
        .join(OrderRow, OrderRow.id == CouponRedemption.order_id)
        .where(CouponRedemption.coupon_id == coupon_id)
    )
    key = CouponRedemption.order_id
    return paging.fetch(
        db.session(), query, Order("-order", key, key, True, paging.parse_int), page
    )


def find(code: str) -> int:
    """Return the id of the coupon with this code, for people who type.

    Raises:
        NotFound: there is none.
    """
    found = db.session.scalar(select(Coupon.id).where(Coupon.code == as_kept(code)))
    if found is None:
        raise errors.NotFound(f"There is no coupon {as_kept(code)}.")
    return found


def read(session: Session, coupon_id: int) -> CouponRecord:
    """Return one coupon as the present transaction sees it; raises NotFound."""
    coupon = session.scalar(
        select(Coupon)
        .options(selectinload(Coupon.categories), selectinload(Coupon.books))
        .where(Coupon.id == coupon_id)
        .execution_options(populate_existing=True)
    )
    if coupon is None:
        raise errors.NotFound(f"There is no coupon {coupon_id}.")
    return _record(coupon)


def _record(coupon: Coupon) -> CouponRecord:
    return CouponRecord(
        id=coupon.id,
        code=coupon.code,
        kind=coupon.kind,
        value=_value_text(coupon),
        starts_at=coupon.starts_at,
        ends_at=coupon.ends_at,
        min_subtotal=coupon.min_subtotal,
        usage_limit=coupon.usage_limit,
        per_user_limit=coupon.per_user_limit,
        category_ids=[category.id for category in coupon.categories],
        book_ids=[book.id for book in coupon.books],
        restricted=coupon.restricted,
        stackable=coupon.stackable,
        is_active=coupon.is_active,
        used=coupon.used,
        version=coupon.version,
        created_at=coupon.created_at,
        updated_at=coupon.updated_at,
    )


def _value_text(coupon: Coupon) -> str | None:
    if coupon.kind == "free_shipping":
        return None
    if coupon.kind == "percent":
        return money.percent_text(coupon.value)
    return money.to_text(coupon.value, settings().currency)
