"""``flask coupons``."""

import pytest
from flask import Flask

from bookstore.services import cart, coupon_records, orders
from bookstore.services.actors import SYSTEM
from bookstore.services.coupon_records import CouponRecord
from tests.cli.test_commands import run
from tests.clients import ADDRESS
from tests.factories import make_book, make_category, make_user


def kept(code: str) -> CouponRecord:
    return coupon_records.get(SYSTEM, coupon_records.find(code))


def made(app: Flask, *arguments: str) -> str:
    result = run(app, "coupons", "create", *arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_from_first_to_last(app: Flask) -> None:
    assert run(app, "coupons", "list").output == "There are none.\n"
    assert made(app, "ten", "--percent", "10", "--usage-limit", "5") == "TEN  10 %  used 0 of 5\n"
    assert made(app, "five", "--fixed", "5.00") == "FIVE  5.00  used 0\n"
    assert made(app, "free", "--free-shipping") == "FREE  free shipping  used 0\n"
    ann = make_user()
    cart.add_item(ann, make_book().id)
    cart.put_coupon(ann, "ten")
    orders.place(ann, ADDRESS)
    assert run(app, "coupons", "disable", " Ten ").output == "TEN  10 %  used 1 of 5, disabled\n"
    assert run(app, "coupons", "list").output.splitlines() == [
        "FREE  free shipping  used 0",
        "FIVE  5.00  used 0",
        "TEN  10 %  used 1 of 5, disabled",
    ]


def test_every_option(app: Flask) -> None:
    book, shelf = make_book().id, make_category("Poems").id
    made(
        app, "SPRING", "--percent", "12.5", "--starts", "2026-03-01", "--ends",
        "2026-04-01T00:00:00+02:00", "--min-subtotal", "20.00", "--per-user-limit", "1",
        "--category", str(shelf), "--book", str(book), "--stackable",
    )  # fmt: skip
    coupon = kept("spring")
    assert (coupon.value, coupon.min_subtotal, coupon.per_user_limit) == ("12.5", 2000, 1)
    assert (coupon.category_ids, coupon.book_ids, coupon.stackable) == ([shelf], [book], True)
    shown = run(app, "coupons", "show", "spring").output
    lines = dict(line.split(None, 1) for line in shown.splitlines() if " " in line)
    assert lines["starts_at"] == "2026-03-01T00:00:00Z"
    assert lines["ends_at"] == "2026-03-31T22:00:00Z"
    assert lines["min_subtotal"] == "20.00"
    assert lines["category_ids"] == str(shelf)
    assert lines["restricted"] == "True"
    assert "usage_limit" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("create", "T", "--percent", "10"), "code: 3 to 40"),
        (("create", "TEN", "--percent", "101"), "value: "),
        (("create", "TEN", "--fixed", "1.999"), "value: "),
        (("create", "TEN", "--percent", ""), "value: "),
        (("create", "TEN", "--percent", "10", "--book", "7"), "book_ids: There is no book 7."),
        (("create", "TEN", "--percent", "10", "--usage-limit", "0"), "usage_limit: "),
        (("create", "old", "--percent", "10"), "There is a coupon with this code already."),
        (("show", "none"), "There is no coupon NONE."),
        (("disable", "none"), "There is no coupon NONE."),
    ],
)
def test_refusals_are_one_line(app: Flask, arguments: tuple[str, ...], said: str) -> None:
    made(app, "OLD", "--percent", "10")
    result = run(app, "coupons", *arguments)
    assert result.exit_code == 1
    assert said in result.output
    assert len(result.output.splitlines()) == 1


def test_one_kind_must_be_chosen(app: Flask) -> None:
    for arguments in ((), ("--percent", "1", "--fixed", "1"), ("--fixed", "1", "--free-shipping")):
        result = run(app, "coupons", "create", "TEN", *arguments)
        assert result.exit_code == 2
        assert "one of --percent" in result.output


def test_many_are_listed(app: Flask) -> None:
    for number in range(101):
        made(app, f"CODE-{number}", "--percent", "10")
    assert len(run(app, "coupons", "list").output.splitlines()) == 101
