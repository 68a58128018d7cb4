"""Every way out of the service, drained together."""

from bookstore.extensions import settings
from bookstore.services import draining
from bookstore.services.emails import EmailChannel
from bookstore.services.outgoing import Channel
from bookstore.services.pushes import PushChannel
from bookstore.services.webhook_delivery import Webhooks


def every() -> list[Channel]:
    """Return a new object of each channel, for one drain."""
    return [Webhooks(), EmailChannel(settings()), PushChannel(settings())]


def drain() -> None:
    """Send whatever is due, by every channel; see ``draining.drain``."""
    draining.drain(every())
