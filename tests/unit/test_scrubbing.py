"""What no log may show, and what it must go on showing."""

import pytest

from bookstore.scrubbing import open_address, scrub, scrub_for_others


@pytest.mark.parametrize(
    "text",
    [
        "mail to SECRET@example.com failed",
        "<SECRET.more+tag@sub.example.co.uk>",
        "Authorization: Bearer SECRET",
        "eyJhbGciOiJIUzI1NiJ9.SECRET.x-y_z",
        "whsec_SECRET+/=",
        "sk_live_SECRET",
        "GET /api/v2/books/bk_AbCdEfGh_SECRETaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "reset-password#gAAAAABSECRET" + "x_-y" * 20 + "==",
        "SG.SECRET.abc",
        "pi_3abc_secret_SECRET",
        "GET /ws/orders/1?ticket=SECRET&x=1",
        "/reset?token=SECRET",
        "https://s3/x?X-Amz-Signature=SECRET",
        '{"password": "SECRET", "n": 1}',
        "{'refresh': 'SECRET'}",
        "postgresql://shop:SECRET@db/shop",
        "IntegrityError\nDETAIL:  Key (name)=(SECRET) already exists.\n",
        'invalid input syntax for type integer: "SECRET"',
        'invalid input syntax for type timestamp with time zone: "x\nSECRET"\nLINE 1: SECRET',
        "IntegrityError\nDETAIL:  Failing row contains (1, Leave it\nwith SECRET, 2).\n\n[SQL: x]",
        'value out of range: "SECRET"',
        "CONTEXT:  JSON data, line 1: {'a': SECRET",
    ],
)
def test_secrets_go(text: str) -> None:
    assert "SECRET" not in scrub(text)
    assert "[left out]" in scrub(text)


@pytest.mark.parametrize("card", ["4242424242424242", "4000 0000 0000 0002", "378282246310005"])
def test_cards_go(card: str) -> None:
    assert scrub(f"card {card}.") == "card [left out]."


@pytest.mark.parametrize(
    "text",
    [
        "POST /api/v2/orders",
        "4242424242424241 has a wrong check digit",
        "evt_0123456789abcdef0123456789abcdef",
        "2026-11-27T09:43:30.123Z",
        "UNIQUE constraint failed: users.email_key",
        'File "/srv/bookstore/services/orders.py", line 12, in place',
        "order 1234567890123 shipped",
    ],
)
def test_the_rest_stays(text: str) -> None:
    assert scrub(text) == text


def test_what_comes_behind_a_row_stays() -> None:
    sql = "\n[SQL: UPDATE orders SET status=%s]\n(Background)"
    told = scrub(f"refused\nDETAIL:  Failing row (a\nb).{sql}")
    assert told == f"refused\nDETAIL: [left out]{sql}"
    caused = "\n\nThe above exception was the direct cause of the following exception:\n\nTraceback"
    assert scrub(f"DETAIL:  Failing row (a).{caused}") == f"DETAIL: [left out]{caused}"


@pytest.mark.parametrize(
    "quoted",
    [
        repr("Ann\nReader"),
        repr("""it's "Ann" Reader"""),
        '"Ann\nReader"',
        "'Ann Reader, whose name was cut",
        '"Ann \\" Reader"',
        "“Ann\nReader”",
    ],
)
def test_nothing_quoted_is_told_to_others(quoted: str) -> None:
    told = scrub_for_others(f"no number: {quoted}")
    assert told == "no number: '…'"


def test_an_apostrophe_is_no_quote() -> None:
    assert scrub_for_others("it isn't there, the shop's book") == "it isn't there, the shop's book"


def test_others_are_not_told_what_exceptions_quote() -> None:
    assert scrub_for_others("invalid literal for int(): 'Ann Reader'") == (
        "invalid literal for int(): '…'"
    )


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (
            "https://example.com/a/b.csv?X-Amz-Signature=SECRET#SECRET",
            "https://example.com/a/b.csv",
        ),
        ("http://user:SECRET@[::1]:81/?SECRET", "http://[::1]:81/"),
        ("https://example.com", "https://example.com"),
        ("https://[SECRET", "[left out]"),
    ],
)
def test_addresses_say_where_and_not_how_one_gets_in(url: str, shown: str) -> None:
    assert open_address(url) == shown
