"""``flask apikeys``."""

import pytest
from flask import Flask

from bookstore import errors
from bookstore.services import api_key_use
from tests.cli.test_commands import run
from tests.factories import make_user


def made(app: Flask, *options: str) -> str:
    """Make a key of the clerk's; return what was printed as it."""
    result = run(app, "apikeys", "create", "clerk", "till", *options)
    assert result.exit_code == 0, result.output
    return str(result.output.splitlines()[-1])


def test_from_making_to_revoking(app: Flask) -> None:
    clerk = make_user("clerk", is_staff=True)
    assert run(app, "apikeys", "list").output == "There are none.\n"
    key = made(app, "--scope", "webhooks", "--scope", "orders:read", "--service")
    caller = api_key_use.authenticate(key)
    assert (caller.actor.id, caller.actor.is_unlimited) == (clerk.id, True)
    assert caller.actor.scopes == {"webhooks", "orders:read"}
    prefix = key.rpartition("_")[0]
    for arguments in (("list",), ("list", "clerk"), ("list", "--revoked")):
        listed = run(app, "apikeys", *arguments).output
        assert prefix in listed
        assert "active, never used, service" in listed
        assert key not in listed
    renewed = run(app, "apikeys", "rotate", prefix, "--grace", "5").output.strip()
    assert api_key_use.authenticate(key).actor.key_version == 1
    assert api_key_use.authenticate(renewed).actor.key_version == 2
    assert run(app, "apikeys", "revoke", str(caller.actor.key_id)).output == "Revoked.\n"
    for dead in (key, renewed):
        with pytest.raises(errors.ApiKeyRevoked):
            api_key_use.authenticate(dead)
    assert run(app, "apikeys", "list").output == "There are none.\n"
    assert "revoked" in run(app, "apikeys", "list", "--revoked").output


def test_an_end(app: Flask) -> None:
    make_user("clerk")
    key = made(app, "--scope", "orders:read", "--expires", "2100-01-01")
    ends = api_key_use.authenticate(key).ends
    assert ends is not None
    assert ends.year == 2100
    assert "until 2100-01-01 00:00" in run(app, "apikeys", "list", "clerk").output
    assert not api_key_use.authenticate(key).actor.is_unlimited


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("create", "nobody", "n", "--scope", "orders:read"), "no user"),
        (("create", "reader", "n", "--scope", "webhooks"), "webhooks is for staff alone"),
        (("create", "reader", "n", "--scope", "admin"), "scopes: Must be one of"),
        (("create", "reader", "n", "--scope", "orders:read", "--expires", "2020-01-01"), "future"),
        (("rotate", "bk_00000000"), "no API key"),
        (("revoke", "99"), "no API key 99"),
    ],
)
def test_refusals_are_one_line(app: Flask, arguments: tuple[str, ...], said: str) -> None:
    make_user("reader")
    result = run(app, "apikeys", *arguments)
    assert result.exit_code == 1
    assert said in result.output
    assert len(result.output.splitlines()) == 1
