"""``flask apikeys``."""

from datetime import datetime

import click
from flask.cli import AppGroup
from marshmallow import ValidationError

from bookstore import errors
from bookstore.cli.parameters import INSTANT
from bookstore.cli.refusals import shown
from bookstore.schemas.v2.api_keys import ApiKeyInput
from bookstore.services import accounts, api_keys
from bookstore.services.actors import SYSTEM

api_keys_cli = AppGroup("apikeys", help="Keys, by which programs act for a user.")


@api_keys_cli.command("create")
@click.argument("username")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, required=True, help="Repeat for more.")
@click.option("--expires", type=INSTANT, help="From when on it is no longer good (UTC).")
@click.option("--service", is_flag=True, help="Of a program of the shop's own: no rate limit.")
def create(
    username: str, name: str, scopes: tuple[str, ...], expires: datetime | None, service: bool
) -> None:
    """Make a key that acts for USERNAME, called NAME, and print it: it is shown this once.

    It never may do more than the user. Scopes: catalog:read, catalog:write, orders:read,
    orders:write, webhooks, reports; catalog:write, webhooks and reports are for staff.
    """
    with shown():
        try:
            fields = ApiKeyInput(exclude=["expires_at"]).load(
                {"name": name, "scopes": list(scopes)}
            )
        except ValidationError as error:
            raise errors.Invalid(_flat(error)) from None
        owner = accounts.find(username)
        made = api_keys.create(owner, **fields, expires_at=expires, is_service=service)
    click.echo(f"Key {made.row.id} acts for {owner.username}: {' '.join(made.row.scopes)}.")
    click.echo(made.key)


@api_keys_cli.command("list")
@click.argument("username", required=False)
@click.option("--revoked", is_flag=True, help="Those that were revoked as well.")
def list_command(username: str | None, revoked: bool) -> None:
    """List the keys of USERNAME, or of everybody, newest first."""
    with shown():
        owner = SYSTEM if username is None else accounts.find(username)
        found = api_keys.list_keys(owner, revoked=revoked)
    for row in found:
        used = f"used {row.last_used_at:%Y-%m-%d %H:%M}" if row.last_used_at else "never used"
        ends = f", until {row.expires_at:%Y-%m-%d %H:%M}" if row.expires_at else ""
        kind = ", service" if row.is_service else ""
        click.echo(
            f"{row.id:>4}  {row.prefix}  user {row.user_id}  {row.name}  {' '.join(row.scopes)}"
            f"  ({row.state}, {used}{ends}{kind})"
        )
    if not found:
        click.echo("There are none.")


@api_keys_cli.command("rotate")
@click.argument("key")
@click.option(
    "--grace", default=0, show_default=True, help="Minutes for which the old secret is good too."
)
@click.option("--expires", type=INSTANT, help="A new end (UTC).")
def rotate(key: str, grace: int, expires: datetime | None) -> None:
    """Print a new secret of KEY (its id or prefix, see `list`)."""
    with shown():
        made = api_keys.rotate(
            SYSTEM, api_keys.find(key), grace_seconds=grace * 60, expires_at=expires
        )
    click.echo(made.key)


@api_keys_cli.command("revoke")
@click.argument("key")
def revoke(key: str) -> None:
    """Revoke KEY (its id or prefix): the next request with it is refused."""
    with shown():
        api_keys.revoke(SYSTEM, api_keys.find(key))
    click.echo("Revoked.")


def _flat(error: ValidationError) -> dict[str, list[str]]:
    """Return field → messages, those of the items of a list with the list."""
    return {
        field: [text for item in found.values() for text in item]
        if isinstance(found, dict)
        else found
        for field, found in error.messages_dict.items()
    }
