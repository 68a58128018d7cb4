"""``flask webhooks``."""

from datetime import datetime

import click
from flask.cli import AppGroup
from marshmallow import ValidationError

from bookstore import errors
from bookstore.cli.parameters import INSTANT
from bookstore.cli.refusals import shown
from bookstore.schemas.v2.webhooks import EndpointInput
from bookstore.services import webhook_log, webhooks
from bookstore.services.actors import SYSTEM
from bookstore.services.paging import PageRequest

webhooks_cli = AppGroup("webhooks", help="Endpoints that are told what happens.")


@webhooks_cli.command("list")
def list_command() -> None:
    """List the endpoints, newest first."""
    with shown():
        found = webhooks.list_endpoints(SYSTEM, PageRequest(limit=webhooks.MAX_ENDPOINTS)).data
    for endpoint in found:
        state = "active" if endpoint.is_active else f"disabled: {endpoint.disabled_reason}"
        if endpoint.is_active and endpoint.circuit != "closed":
            state = f"paused after {endpoint.failures} failures"
        click.echo(f"{endpoint.id:>4}  {endpoint.url}  {' '.join(endpoint.events)}  ({state})")
    if not found:
        click.echo("There are none.")


@webhooks_cli.command("create")
@click.argument("url")
@click.option(
    "--event", "events", multiple=True, required=True, help="A type, order.* or *; repeat for more."
)
@click.option("--description", default="", help="For people.")
def create(url: str, events: tuple[str, ...], description: str) -> None:
    """Register URL and print its secret, which is shown this once."""
    given = {"url": url, "events": list(events), "description": description}
    with shown():
        try:
            fields = EndpointInput().load(given)
        except ValidationError as error:
            raise errors.Invalid(error.messages_dict) from None
        made = webhooks.create(
            SYSTEM, fields["url"], fields["events"], description=fields["description"]
        )
    click.echo(f"Endpoint {made.endpoint.id} gets {' '.join(made.endpoint.events)}.")
    click.echo(made.secret)


@webhooks_cli.command("rotate-secret")
@click.argument("endpoint", type=int)
def rotate_secret(endpoint: int) -> None:
    """Print a new secret of ENDPOINT; the old one also signs for 24 hours."""
    with shown():
        made = webhooks.rotate_secret(SYSTEM, endpoint)
    click.echo(made.secret)


@webhooks_cli.command("replay")
@click.argument("endpoint", type=int)
@click.option("--since", type=INSTANT, required=True, help="From this instant on (UTC).")
@click.option("--until", type=INSTANT, help="Up to and without this instant (UTC).")
@click.option(
    "--status",
    type=click.Choice(list(webhook_log.REPLAYABLE)),
    default="failed",
    show_default=True,
    help="Which deliveries.",
)
@click.option("--event", "events", multiple=True, help="Only of this type, or order.*.")
@click.option("--dry-run", is_flag=True, help="Only count.")
def replay(
    endpoint: int,
    since: datetime,
    until: datetime | None,
    status: str,
    events: tuple[str, ...],
    dry_run: bool,
) -> None:
    """Send again what failed on its way to ENDPOINT (its id, see `list`)."""
    with shown():
        count = webhook_log.replay(
            SYSTEM,
            endpoint,
            since,
            until=until,
            status=status,
            event_types=events or None,
            dry_run=dry_run,
        )
    verb = "would be sent" if dry_run else "are sent"
    click.echo(f"{count} deliveries {verb} again.")
