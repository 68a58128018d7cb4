"""What must be true of orders, stock, coupons and payments, as statements that find what is not.

Each check is one statement, so that it looks at one moment: whatever a transaction keeps together
is found together, however busy the shop is. What the database refuses by itself (a total that is
not the sum of its parts, a second live payment, more given back than came in) needs none.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_, select

from bookstore import money
from bookstore.models import (
    Book,
    Coupon,
    Order,
    OrderItem,
    Payment,
    StockMovement,
)
from bookstore.services import (
    coupon_checks,
    payment_checks,
    review_checks,
    sales_checks,
    sales_folding,
    tax_checks,
)
from bookstore.services.sql import AnySelect


@dataclass(frozen=True, slots=True)
class Check:
    """``query`` finds rows; ``tell`` says in words what disagrees in one, None if nothing does.

    ``subject`` is what is looked at, and ``counted`` the column to count them by. JSON comes as
    text, so that a row which holds something else is told of and not the end of the others.
    """

    name: str
    subject: str
    counted: Any
    query: Callable[[], AnySelect]
    tell: Callable[[Any], str | None]


def _sums(key: Any, what: Any, *which: ColumnElement[bool]) -> Any:
    return select(key.label("key"), func.sum(what).label("sum")).where(*which).group_by(key)


def _off(column: Any, other: Any) -> Any:
    return column != func.coalesce(other, 0)


def _text(minor: int, currency: str) -> str:
    # A sum of PostgreSQL's is a Decimal.
    return money.with_code(int(minor), currency)


# -- stock -------------------------------------------------------------------------------------
def _stock() -> AnySelect:
    moved = _sums(StockMovement.book_id, StockMovement.delta).subquery()
    query = select(Book.id, Book.stock, func.coalesce(moved.c.sum, 0).label("ledger"))
    return query.outerjoin(moved, moved.c.key == Book.id).where(_off(Book.stock, moved.c.sum))


def _sold() -> AnySelect:
    held = select(OrderItem.book_id.label("key"), func.sum(OrderItem.quantity).label("sum"))
    held = held.join(Order).where(Order.stock_returned.is_(False)).group_by(OrderItem.book_id)
    sold = held.subquery()
    query = select(Book.id, Book.sold, func.coalesce(sold.c.sum, 0).label("held"))
    return query.outerjoin(sold, sold.c.key == Book.id).where(_off(Book.sold, sold.c.sum))


def _taken() -> AnySelect:
    """Copies that an order has by the ledger: all of them, or none once it gave them back."""
    moved = (
        select(
            StockMovement.order_id, StockMovement.book_id, func.sum(StockMovement.delta).label("n")
        )
        .where(StockMovement.order_id.is_not(None))
        .group_by(StockMovement.order_id, StockMovement.book_id)
        .subquery()
    )
    due = case((Order.stock_returned, 0), else_=OrderItem.quantity)
    taken = -func.coalesce(moved.c.n, 0)
    return (
        select(Order.number, OrderItem.book_id, due.label("due"), taken.label("taken"))
        .select_from(OrderItem)
        .join(Order)
        .outerjoin(moved, and_(moved.c.order_id == Order.id, moved.c.book_id == OrderItem.book_id))
        .where(taken != due)
    )


def _kept() -> AnySelect:
    return select(Order.number).where(Order.status == "cancelled", Order.stock_returned.is_(False))


# -- what orders cost --------------------------------------------------------------------------
def _lines() -> AnySelect:
    price = OrderItem.quantity * OrderItem.price
    lines = (
        select(
            OrderItem.order_id.label("key"),
            func.sum(price).label("sum"),
            func.sum(OrderItem.discount).label("discount"),
            func.sum(OrderItem.tax).label("tax"),
        )
        .group_by(OrderItem.order_id)
        .subquery()
    )
    return (
        select(
            Order.number,
            Order.currency,
            Order.subtotal,
            Order.discount,
            (Order.tax + Order.tax_included).label("tax"),
            func.coalesce(lines.c.sum, 0).label("lines"),
            func.coalesce(lines.c.discount, 0).label("line_discounts"),
            func.coalesce(lines.c.tax, 0).label("line_taxes"),
        )
        .outerjoin(lines, lines.c.key == Order.id)
        .where(
            or_(
                _off(Order.subtotal, lines.c.sum),
                _off(Order.discount, lines.c.discount),
                # Sending it may be taxed as well.
                Order.tax + Order.tax_included < func.coalesce(lines.c.tax, 0),
            )
        )
    )


def _tell_lines(row: Any) -> str:
    pairs = (
        ("subtotal", row.subtotal, "lines", row.lines),
        ("discount", row.discount, "lines' discounts", row.line_discounts),
        ("tax", row.tax, "lines' taxes", row.line_taxes),
    )
    said = ", ".join(
        f"{what} {_text(a, row.currency)}, {other} {_text(b, row.currency)}"
        for what, a, other, b in pairs
        if (b > a if what == "tax" else a != b)
    )
    return f"order {row.number}: {said}"


CHECKS = (
    Check(
        "stock and its ledger",
        "books",
        Book.id,
        _stock,
        lambda row: f"book {row.id}: stock {row.stock}, its ledger says {row.ledger}",
    ),
    Check(
        "copies sold",
        "books",
        Book.id,
        _sold,
        lambda row: f"book {row.id}: {row.sold} counted as sold, orders hold {row.held}",
    ),
    Check(
        "ratings",
        "books",
        Book.id,
        review_checks.ratings,
        review_checks.tell_ratings,
    ),
    Check(
        "copies of orders",
        "order lines",
        OrderItem.id,
        _taken,
        lambda row: (
            f"order {row.number}: {row.due} copies of book {row.book_id}, the ledger"
            f" gave it {row.taken}"
        ),
    ),
    Check(
        "copies of cancelled orders",
        "orders",
        Order.id,
        _kept,
        lambda row: f"order {row.number}: cancelled, and its copies are not back on sale",
    ),
    Check("lines of orders", "orders", Order.id, _lines, _tell_lines),
    Check("taxes of orders", "orders", Order.id, tax_checks.taxes, tax_checks.tell_taxes),
    Check(
        "coupons of orders",
        "orders",
        Order.id,
        coupon_checks.discounts,
        coupon_checks.tell_discounts,
    ),
    Check(
        "uses of coupons",
        "coupons",
        Coupon.id,
        coupon_checks.uses,
        lambda row: f"coupon {row.code}: {row.used} counted as used, {row.redeemed} redeemed",
    ),
    Check(
        "payments and refunds",
        "payments",
        Payment.id,
        payment_checks.reserved,
        payment_checks.tell_reserved,
    ),
    Check(
        "what is asked for orders",
        "payments",
        Payment.id,
        payment_checks.asked,
        payment_checks.tell_asked,
    ),
    Check(
        "what orders were paid",
        "orders",
        Order.id,
        payment_checks.standing,
        payment_checks.tell_standing,
    ),
    Check(
        "sums of days",
        "orders",
        Order.id,
        sales_folding.wrong_days,
        sales_checks.tell_day,
    ),
    Check(
        "sums of books",
        "order lines",
        OrderItem.id,
        sales_folding.wrong_books,
        sales_checks.tell_book,
    ),
    Check(
        "totals of books",
        "books",
        Book.id,
        sales_folding.wrong_totals,
        sales_checks.tell_total,
    ),
)
