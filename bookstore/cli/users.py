"""``flask users``."""

import click
from flask.cli import AppGroup
from marshmallow import ValidationError

from bookstore import errors
from bookstore.cli.refusals import shown
from bookstore.schemas.v2.accounts import RegisterSchema
from bookstore.services import accounts, totp

users_cli = AppGroup("users", help="Accounts.")


@users_cli.command("create")
@click.argument("name")
@click.option("--email", required=True, help="Where its mail goes.")
@click.option(
    "--password",
    prompt=True,
    hide_input=True,
    confirmation_prompt=True,
    help="Asked for, unless it is given.",
)
@click.option("--staff", is_flag=True, help="May run the shop.")
@click.option(
    "--premium", is_flag=True, help="May ask as often as it likes: no limits of requests."
)
def create(name: str, email: str, password: str, staff: bool, premium: bool) -> None:
    """Make an account."""
    with shown():
        try:
            fields = RegisterSchema().load({"username": name, "email": email, "password": password})
        except ValidationError as error:
            raise errors.Invalid(error.messages_dict) from None
        user = accounts.register(**fields, is_staff=staff, is_premium=premium, is_verified=True)
    click.echo(f"Made {user!r}.")


@users_cli.command("promote")
@click.argument("name")
@click.option("--staff/--no-staff", default=None, help="Give or take staff rights.")
@click.option(
    "--premium/--no-premium", default=None, help="Give or take premium: no limits of requests."
)
def promote(name: str, staff: bool | None, premium: bool | None) -> None:
    """Give or take rights (staff, unless an option says otherwise)."""
    if staff is None and premium is None:
        staff = True
    with shown():
        user = accounts.promote(name, is_staff=staff, is_premium=premium)
    click.echo(f"Now {user!r}.")


@users_cli.command("reset-totp")
@click.argument("name")
def reset_totp(name: str) -> None:
    """Take the second factor from NAME, who has lost app and recovery codes.

    Make sure by other means that it is they who ask.
    """
    with shown():
        user = accounts.find(name)
        if not totp.reset(user.id):
            raise click.ClickException(f"{user.username} has no second factor.")
    click.echo(f"{user.username} logs in with the password alone now.")
