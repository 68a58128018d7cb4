"""``flask openapi``."""

from pathlib import Path

import click
import orjson
from flask import current_app
from flask.cli import with_appcontext


@click.command("openapi")
@click.argument("version")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to this file, and make its folder (unset: print).",
)
@with_appcontext
def openapi_command(version: str, output: Path | None) -> None:
    """Print the OpenAPI document of a VERSION of the API (v1, v2).

    Needs no running shop, no database and no Redis.
    """
    documents = current_app.extensions["openapi"]
    if version not in documents:
        raise click.BadParameter(f"there is {' and '.join(documents)}.", param_hint="VERSION")
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    document = orjson.dumps(documents[version], option=options)
    if output is None:
        click.echo(document, nl=False)
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(document)
