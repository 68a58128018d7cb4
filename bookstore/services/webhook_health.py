"""How an endpoint is doing: its circuit breaker, warnings to its owner, and its end.

Ten failures in a row open the breaker: nothing is sent for a minute, then one delivery to try,
then nothing for twice as long, up to an hour. Deliveries wait meanwhile and use up no attempts.
After five days without a success the endpoint is disabled; its deliveries are held.
"""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from bookstore.models import Email, User, WebhookEndpoint
from bookstore.services import event_words, events

OPENS_AT = 10
FIRST_OPEN, LONGEST_OPEN = timedelta(seconds=60), timedelta(hours=1)
WARN_AFTER = (timedelta(hours=24), timedelta(hours=72))
DISABLE_AFTER = timedelta(days=5)
GONE, FAILING = "gone", "failing"


def succeeded(endpoint: WebhookEndpoint) -> None:
    """Note a success: all is well again."""
    if endpoint.failures or endpoint.failing_since or endpoint.open_until:
        endpoint.failures = endpoint.openings = endpoint.warnings = 0
        endpoint.failing_since = endpoint.open_until = None


def failed(session: Session, endpoint: WebhookEndpoint, at: datetime) -> None:
    """Note a failure at this time; its row must be locked. May open the breaker, warn, disable."""
    endpoint.failures += 1
    endpoint.failing_since = endpoint.failing_since or at
    # Those that were in flight when it opened fail as well; they do not open it further.
    open_now = endpoint.open_until is not None and endpoint.open_until > at
    if endpoint.failures >= OPENS_AT and not open_now:
        # 2 ** 6 minutes are past the hour already.
        endpoint.open_until = at + min(LONGEST_OPEN, FIRST_OPEN * 2 ** min(endpoint.openings, 6))
        endpoint.openings += 1
    review(session, endpoint, at)


def gone(session: Session, endpoint: WebhookEndpoint, at: datetime) -> None:
    """Note that it answered 410: it wants nothing any more. Its row must be locked."""
    endpoint.failures += 1
    endpoint.failing_since = endpoint.failing_since or at
    _disable(session, endpoint, GONE, at)


def review(session: Session, endpoint: WebhookEndpoint, now: datetime) -> None:
    """Warn the owner of, or disable, an endpoint that has failed for so long; row locked.

    Not only failures ask for it: a breaker that is open for an hour keeps an endpoint silent.
    """
    if endpoint.failing_since is None or not endpoint.is_active:
        return
    failing_for = now - endpoint.failing_since
    if failing_for >= DISABLE_AFTER and endpoint.failures >= OPENS_AT:
        _disable(session, endpoint, FAILING, now)
        return
    due = sum(failing_for >= after for after in WARN_AFTER)
    if endpoint.warnings < due:
        endpoint.warnings = due
        _warn(session, endpoint, WARN_AFTER[due - 1], now)


def can_be_sent_to(endpoint: WebhookEndpoint, now: datetime) -> bool:
    """Return whether it is active and its breaker lets something through."""
    return endpoint.is_active and (endpoint.open_until is None or endpoint.open_until <= now)


def _warn(session: Session, endpoint: WebhookEndpoint, after: timedelta, now: datetime) -> None:
    more = {"hours": int(after.total_seconds() // 3600)}
    _mail(session, endpoint, "endpoint_failing", more, now)


def _disable(session: Session, endpoint: WebhookEndpoint, reason: str, now: datetime) -> None:
    if not endpoint.is_active:
        return
    endpoint.is_active, endpoint.disabled_reason, endpoint.disabled_at = False, reason, now
    session.flush()
    _mail(session, endpoint, "endpoint_disabled", {"reason": reason}, now)
    data = {
        "endpoint_id": endpoint.id,
        # No more: path and query may hold the receiver's secret, and every subscriber sees this.
        "url": origin(endpoint.url),
        "reason": reason,
        "failing_since": _text(endpoint.failing_since),
    }
    events.record(
        "webhook.endpoint_disabled", data, aggregate_id=endpoint.id, user_id=endpoint.owner_id
    )


def _mail(
    session: Session, endpoint: WebhookEndpoint, template: str, more: dict[str, Any], now: datetime
) -> None:
    about = {
        "endpoint_id": endpoint.id,
        "url": endpoint.url,
        "failing_since": _text(endpoint.failing_since),
        **more,
    }
    staff = session.scalars(select(User.id).where(User.is_staff, User.is_active)).all()
    # When its owner has left, somebody must be told all the same.
    for user_id in [endpoint.owner_id] if endpoint.owner_id in staff else staff:
        email = Email(user_id=user_id, template=template, data=about)
        email.next_attempt_at = email.created_at = email.touched_at = now
        session.add(email)


def origin(url: str) -> str:
    """Return scheme, host and port of a URL, without credentials, path and query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else event_words.rfc3339(moment)
