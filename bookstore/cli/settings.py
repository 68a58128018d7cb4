"""``flask settings``."""

import click
from flask.cli import with_appcontext

from bookstore.extensions import settings


@click.command("settings")
@with_appcontext
def settings_command() -> None:
    """List every setting: its value, its default, what it means. Secrets are masked."""
    for name, value, default, meaning in settings().table():
        click.echo(f"{name} = {value}")
        click.echo(f"    {meaning} (default: {default})")
