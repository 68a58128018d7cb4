"""``flask webhooks``."""

import pytest
from flask import Flask
from sqlalchemy import select, update

from bookstore.extensions import db
from bookstore.models import WebhookDelivery, WebhookEndpoint
from bookstore.services import vault
from bookstore.unit_of_work import unit_of_work
from tests.cli.test_commands import run
from tests.factories import make_book

URL = "https://9.9.9.9/hooks"


def made(app: Flask, *options: str) -> str:
    """Make an endpoint; return the secret that was printed."""
    result = run(app, "webhooks", "create", URL, *options)
    assert result.exit_code == 0, result.output
    return result.output.splitlines()[-1]


def test_create_prints_the_secret_and_list_does_not(app: Flask) -> None:
    assert run(app, "webhooks", "list").output == "There are none.\n"
    secret = made(app, "--event", "order.*", "--event", "book.low_stock")
    endpoint = db.session.scalars(select(WebhookEndpoint)).one()
    assert vault.unseal(endpoint.secret) == secret
    listed = run(app, "webhooks", "list").output
    assert listed.split() == [str(endpoint.id), URL, "book.low_stock", "order.*", "(active)"]
    renewed = run(app, "webhooks", "rotate-secret", str(endpoint.id)).output.strip()
    db.session.refresh(endpoint)
    assert vault.unseal(endpoint.secret) == renewed != secret


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("create", "http://127.0.0.1/", "--event", "*"), "not public"),
        (("create", URL, "--event", "none"), "events.0"),
        (("create", URL, "--event", "*", "--description", "x" * 501), "description"),
        (("rotate-secret", "9"), "no webhook endpoint 9"),
        (("replay", "9", "--since", "2026-01-01"), "no webhook endpoint 9"),
    ],
)
def test_refusals_are_one_line(app: Flask, arguments: tuple[str, ...], said: str) -> None:
    result = run(app, "webhooks", *arguments)
    assert result.exit_code == 1
    assert said in result.output
    assert len(result.output.splitlines()) == 1


def test_replay(app: Flask) -> None:
    made(app, "--event", "*")
    endpoint = db.session.scalars(select(WebhookEndpoint)).one()
    make_book()
    with unit_of_work() as session:
        session.execute(update(WebhookDelivery).values(status="failed"))
    arguments = ("webhooks", "replay", str(endpoint.id), "--since", "2020-01-01T00:00:00Z")
    dry = run(app, *arguments, "--dry-run", "--event", "book.*")
    assert dry.output == "1 deliveries would be sent again.\n"
    assert run(app, *arguments, "--until", "2020-01-02").output == "0 deliveries are sent again.\n"
    assert run(app, *arguments).output == "1 deliveries are sent again.\n"
    delivery = db.session.scalars(select(WebhookDelivery)).one()
    db.session.refresh(delivery)
    assert delivery.status == "pending"
