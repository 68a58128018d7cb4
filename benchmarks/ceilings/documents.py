"""Rows of the raw views as the documents that the shop answers with."""

import base64
from collections.abc import Sequence
from typing import Any

import orjson

LOW_STOCK = 5
_OPTIONS = orjson.OPT_UTC_Z


def encode(document: Any) -> bytes:
    """Return JSON, instants in UTC with a Z."""
    return orjson.dumps(document, option=_OPTIONS)


def page(rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """Return the first 20 of up to 21 rows of books, and where the next page begins."""
    more = None
    if len(rows) > 20:
        last = rows[19]
        more = base64.urlsafe_b64encode(encode([_instant(last[16]), last[0]])).decode()
    return {"data": [book(row) for row in rows[:20]], "next_cursor": more}


def book(row: Sequence[Any]) -> dict[str, Any]:
    """Return one book."""
    status, stock, cover = row[7], row[9], row[15]
    return {
        "id": row[0],
        "title": row[1],
        "subtitle": row[2],
        "isbn": row[3],
        "description": row[4],
        "pages": row[5],
        "language": row[6],
        "status": "out_of_stock" if status == "available" and stock == 0 else status,
        "price": _money(row[8]),
        "currency": "usd",
        "stock_state": _stock_state(status, stock),
        "publication_date": row[10],
        "weight": row[11],
        "tax_category": row[12],
        "author": {"id": row[18], "full_name": f"{row[19]} {row[20]}".strip()},
        "authors": orjson.Fragment(row[23] or "[]"),
        "publisher": None if row[21] is None else {"id": row[21], "name": row[22]},
        "categories": orjson.Fragment(row[24] or "[]"),
        "cover": _cover(cover),
        "average_rating": round(row[13] / row[14], 2) if row[14] else None,
        "review_count": row[14],
        "created_at": _instant(row[16]),
        "updated_at": _instant(row[17]),
    }


def cart(rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """Return a cart without coupons.

    Raises:
        ValueError: it has some.
    """
    if rows[0][12]:
        raise ValueError("a cart with coupons is not what is measured")
    lines = [_line(row) for row in rows if row[0] is not None]
    return {
        "items": lines,
        "coupon": None,
        "coupons": [],
        "discount": "0.00",
        "subtotal": _money(sum(row[3] * row[10] for row in rows if row[0] is not None)),
        "total_items": sum(line["quantity"] for line in lines),
        "currency": "usd",
    }


def _line(row: Sequence[Any]) -> dict[str, Any]:
    price, status, stock, quantity, seen = row[3], row[4], row[5], row[10], row[11]
    return {
        "book": {
            "id": row[0],
            "title": row[1],
            "isbn": row[2],
            "author": {"id": row[7], "full_name": f"{row[8]} {row[9]}".strip()},
            "price": _money(price),
            "currency": "usd",
            "status": "out_of_stock" if status == "available" and stock == 0 else status,
            "stock_state": _stock_state(status, stock),
            "cover": _cover(row[6]),
        },
        "quantity": quantity,
        "unit_price": _money(price),
        "line_total": _money(price * quantity),
        "price_changed_from": None if seen == price else _money(seen),
    }


def _cover(url: str | None) -> dict[str, str] | None:
    return None if url is None else {"url": url, "medium_url": url, "thumbnail_url": url}


def _money(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02}"


def _stock_state(status: str, stock: int) -> str:
    if status == "out_of_stock" or stock == 0:
        return "out_of_stock"
    return "low_stock" if stock <= LOW_STOCK else "in_stock"


def _instant(value: Any) -> Any:
    """SQLite has it as text, with microseconds that are left out when there are none."""
    if not isinstance(value, str):
        return value
    return f"{value[:10]}T{value[11:]}".removesuffix(".000000") + "Z"
