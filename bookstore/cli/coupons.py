"""``flask coupons``."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import click
from flask.cli import AppGroup
from marshmallow import ValidationError

from bookstore import errors
from bookstore.cli.parameters import INSTANT
from bookstore.cli.refusals import shown
from bookstore.schemas.v2.coupons import CouponInput, CouponSchema
from bookstore.services import coupon_editing, coupon_records
from bookstore.services.actors import SYSTEM
from bookstore.services.coupon_records import CouponRecord
from bookstore.services.paging import PageRequest

coupons_cli = AppGroup("coupons", help="Codes that make an order cheaper.")


@coupons_cli.command("create")
@click.argument("code")
@click.option("--percent", help="So many percent off, such as 12.5.")
@click.option("--fixed", help="An amount off, such as 5.00.")
@click.option("--free-shipping", is_flag=True, help="Nothing to pay for shipping.")
@click.option("--starts", "starts_at", type=INSTANT, help="Good from this instant on (UTC).")
@click.option("--ends", "ends_at", type=INSTANT, help="Up to and without this instant (UTC).")
@click.option("--min-subtotal", help="For orders of at least this amount.")
@click.option("--usage-limit", type=int, help="How many orders may use it.")
@click.option("--per-user-limit", type=int, help="How many orders of one user may.")
@click.option("--category", "category_ids", type=int, multiple=True, help="Id; repeat for more.")
@click.option("--book", "book_ids", type=int, multiple=True, help="Id; repeat for more.")
@click.option("--stackable", is_flag=True, help="Can be used with others that are.")
def create(
    code: str, percent: str | None, fixed: str | None, free_shipping: bool, **options: Any
) -> None:
    """Make a coupon: with one of --percent, --fixed and --free-shipping."""
    kinds = {"percent": percent, "fixed": fixed, "free_shipping": free_shipping or None}
    chosen = [kind for kind, value in kinds.items() if value is not None]
    if len(chosen) != 1:
        raise click.UsageError("Give one of --percent, --fixed and --free-shipping.")
    given = {"code": code, "kind": chosen[0], "value": fixed if percent is None else percent}
    given |= {name: _as_json(value) for name, value in options.items() if value is not None}
    with shown():
        try:
            fields = CouponInput().load(given)
        except ValidationError as error:
            raise errors.Invalid(error.messages_dict) from None
        made = coupon_editing.create(SYSTEM, fields)
    click.echo(_line(made))


@coupons_cli.command("list")
def list_command() -> None:
    """List the coupons, newest first."""
    with shown():
        records = list(_all())
    for record in records:
        click.echo(_line(record))
    if not records:
        click.echo("There are none.")


@coupons_cli.command("show")
@click.argument("code")
def show(code: str) -> None:
    """Show everything about the coupon CODE."""
    with shown():
        record = coupon_records.get(SYSTEM, coupon_records.find(code))
    for name, value in CouponSchema().dump(record).items():
        if isinstance(value, list):
            value = " ".join(map(str, value))
        click.echo(f"{name:<14}  {'' if value is None else value}".rstrip())


@coupons_cli.command("disable")
@click.argument("code")
def disable(code: str) -> None:
    """Switch the coupon CODE off: it applies to no cart any more. Orders keep what they had."""
    with shown():
        coupon_id = coupon_records.find(code)
        record = coupon_editing.update(SYSTEM, coupon_id, {"is_active": False})
    click.echo(_line(record))


def _all() -> Iterator[CouponRecord]:
    page = coupon_records.list_coupons(SYSTEM, PageRequest(limit=100))
    yield from page.data
    while page.next_cursor:
        page = coupon_records.list_coupons(SYSTEM, PageRequest(limit=100, cursor=page.next_cursor))
        yield from page.data


def _line(record: CouponRecord) -> str:
    off = {"percent": f"{record.value} %", "free_shipping": "free shipping"}
    limit = "" if record.usage_limit is None else f" of {record.usage_limit}"
    state = "" if record.is_active else ", disabled"
    return f"{record.code}  {off.get(record.kind, record.value)}  used {record.used}{limit}{state}"


def _as_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value
