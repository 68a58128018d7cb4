"""Every way out of the service, drained together."""

import logging

from sqlalchemy.exc import DBAPIError, TimeoutError as PoolTimeout

from bookstore.extensions import settings
from bookstore.services import draining, outgoing_owners
from bookstore.services.emails import EmailChannel
from bookstore.services.outgoing import Channel
from bookstore.services.pushes import PushChannel
from bookstore.services.webhook_delivery import Webhooks

log = logging.getLogger(__name__)


def every() -> list[Channel]:
    """Return a new object of each channel, for one drain."""
    return [Webhooks(), EmailChannel(settings()), PushChannel(settings())]


def drain() -> None:
    """Send whatever is due, by every channel; see ``draining.drain``."""
    try:
        if dead := outgoing_owners.bury():
            log.warning("took over from workers that died", extra={"workers": dead})
    except (DBAPIError, PoolTimeout) as error:
        log.warning("drain put off, the database is away", extra={"why": str(error.__cause__)})
        return
    draining.drain(every())
