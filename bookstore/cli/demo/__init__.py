"""``flask demo``: a customer's whole journey against a running server, step by step.

``walk`` is the way, and the same whatever is spoken; ``spoken_v2``, ``spoken_v1`` and
``spoken_graphql`` are the ways to say it.
"""

import click
from flask.cli import with_appcontext

from bookstore.cli.demo.journey import Journey
from bookstore.cli.demo.spoken_graphql import SpokenGraphQL
from bookstore.cli.demo.spoken_v1 import SpokenV1
from bookstore.cli.demo.spoken_v2 import SpokenV2
from bookstore.cli.demo.walk import walk
from bookstore.extensions import settings

SPOKEN = {"v1": SpokenV1, "v2": SpokenV2, "graphql": SpokenGraphQL}


@click.command("demo")
@click.option("--url", help="Where the shop runs (unset: HOST and PORT of the settings).")
@click.option("--api", type=click.Choice(list(SPOKEN)), default="v2", help="What is spoken.")
@click.option("--query", default="hobit tolkien", help="What the reader looks for, typo and all.")
@with_appcontext
def demo(url: str | None, api: str, query: str) -> None:
    """Walk a reader from registration to a receipt against the running shop.

    Staff is made, and the books are balanced, by the database that is set here: it has to be the
    running shop's. What an API has no call for is done by v2, and marked.
    """
    here = settings()
    journey = Journey((url or f"http://{here.host}:{here.port}").rstrip("/"), SPOKEN[api].name)
    walk(SPOKEN[api](journey), query, here)
