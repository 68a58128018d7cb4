"""What is sent to a webhook endpoint, byte for byte, to be looked at. Staff only."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from bookstore import errors
from bookstore.extensions import db
from bookstore.models import Event, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from bookstore.services import vault, webhook_signing
from bookstore.services.actors import Acting, require_staff
from bookstore.services.webhook_delivery import FIXED_HEADERS


@dataclass(frozen=True, slots=True)
class Request:
    """A request to an endpoint.

    ``url`` is the endpoint's present one. ``headers`` are those of the attempt ``at``; the
    signatures are made with the present secret, and others if that was replaced since (none if it
    cannot be read). ``body`` is what was signed and sent on every attempt.
    """

    url: str
    at: datetime
    headers: dict[str, str]
    body: bytes


def get(actor: Acting, delivery_id: int) -> Request:
    """Return what was sent on the last attempt; before the first, what would have been.

    Raises:
        Forbidden: not staff.
        NotFound: there is no such delivery.
    """
    require_staff(actor)
    last = (
        select(WebhookAttempt.at)
        .where(WebhookAttempt.delivery_id == WebhookDelivery.id)
        .order_by(WebhookAttempt.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    row = db.session.execute(
        select(
            WebhookEndpoint.url,
            WebhookEndpoint.secret,
            Event.public_id,
            Event.type,
            Event.body,
            Event.created_at,
            last.label("at"),
        )
        .select_from(WebhookDelivery)
        .join(WebhookDelivery.event)
        .join(WebhookDelivery.endpoint)
        .where(WebhookDelivery.id == delivery_id)
    ).first()
    if row is None:
        raise errors.NotFound(f"There is no webhook delivery {delivery_id}.")
    at = row.at or row.created_at
    headers = dict(FIXED_HEADERS)
    try:
        key = vault.unseal(row.secret)
    except errors.SecretUnreadable:
        pass
    else:
        headers |= webhook_signing.headers(
            [key], row.public_id, int(at.timestamp()), row.type, row.body
        )
    return Request(row.url, at, headers, row.body)
