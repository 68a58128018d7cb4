"""Signed events: written with each change, posted to the shop's own endpoint until it answers.

Several processes deliver. Each leases what it sends, so that it is not sent twice at the same
time; sent twice after a crash is harmless, as it is with Stripe.
"""

import contextlib
import logging
import sqlite3
import threading
import time

import requests
import stripe

from bookstore import clock
from bookstore.config import Settings
from bookstore.gateways.stripe_twin import keys, store
from bookstore.gateways.stripe_twin.store import Json, Work, dumps, new_id

log = logging.getLogger(__name__)

ENDPOINT = "/api/v2/payments/stripe/events"
CONNECT_SECONDS, READ_SECONDS = 1.0, 10.0
# After each attempt; the last of them over and over, until an event is too old.
PAUSES = (1, 5, 30, 300, 1800, 3600)
GIVE_UP_SECONDS = 3 * 86_400
KEEP_SECONDS = 30 * 86_400
# Of one call: it may run in the scheduler, which has other things to do.
BATCH, LONGEST_SECONDS = 20, 15.0
LEASE_SECONDS = LONGEST_SECONDS + CONNECT_SECONDS + READ_SECONDS + 5


def record(work: Work, kind: str, subject: Json) -> None:
    """Write the event of a change, in the change's own transaction."""
    event = {
        "id": new_id("evt"),
        "object": "event",
        "api_version": stripe.api_version,
        "created": int(work.now),
        "data": {"object": subject},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": work.key},
        "type": kind,
    }
    work.db.execute(
        "INSERT INTO events (id, type, created, payload, due) VALUES (?, ?, ?, ?, ?)",
        [event["id"], kind, work.now, dumps(event), work.now],
    )
    work.db.execute(
        "DELETE FROM events WHERE due IS NULL AND created < ?", [work.now - KEEP_SECONDS]
    )


def deliver_soon(settings: Settings) -> None:
    """Deliver what is due in a thread of its own; what it does not do, the next one does."""
    with contextlib.suppress(RuntimeError):  # no more threads: the process is going
        threading.Thread(target=_drain, args=[settings], name="test-payments", daemon=True).start()


def _drain(settings: Settings) -> None:
    while deliver_due(settings) == BATCH:
        pass


def deliver_due(settings: Settings) -> int:
    """Post the events that are due, oldest first, and return how many were taken.

    It stops at the first that gets no answer, since the others would not get one either. Never
    raises: what goes wrong is logged, and tried again at the next call.
    """
    try:
        if not store.path(settings).exists():
            return 0
        events = _claim(settings)
        return _send(settings, events) if events else 0
    except (sqlite3.Error, OSError) as error:
        log.warning("test payments' events not delivered", extra={"why": str(error)})
    except Exception:
        log.exception("test payments' events not delivered")
    return 0


def _claim(settings: Settings) -> list[sqlite3.Row]:
    now = clock.now().timestamp()
    due = "SELECT seq FROM events WHERE due <= ? AND leased_until <= ? ORDER BY seq LIMIT ?"
    with store.read(settings) as db:
        # Nothing to do costs no write lock.
        if db.execute(due, [now, now, 1]).fetchone() is None:
            return []
    with store.write(settings) as work:
        return work.db.execute(
            f"UPDATE events SET leased_until = ? WHERE seq IN ({due})"  # noqa: S608 - ours  # nosec B608
            " RETURNING seq, id, type, created, payload, attempts",
            [now + LEASE_SECONDS, now, now, BATCH],
        ).fetchall()


def _send(settings: Settings, events: list[sqlite3.Row]) -> int:
    taken, stop_at = 0, time.monotonic() + LONGEST_SECONDS
    waiting = sorted(events, key=lambda event: event["seq"])
    with requests.Session() as session:
        # Nobody's proxy: it is this machine.
        session.trust_env = False
        while waiting and time.monotonic() < stop_at:
            event = waiting.pop(0)
            status = _post(session, settings, event)
            _note(settings, event, delivered=status is not None and 200 <= status < 300)
            if status is None:
                break
            taken += 200 <= status < 300
    if waiting:
        with store.write(settings) as work:
            back = [[event["seq"]] for event in waiting]
            work.db.executemany("UPDATE events SET leased_until = 0 WHERE seq = ?", back)
    return taken


def _post(session: requests.Session, settings: Settings, event: sqlite3.Row) -> int | None:
    """Return the status of the answer; None without one."""
    payload = event["payload"]
    signature = stripe.WebhookSignature.generate_signature_header(
        payload, keys.webhook_secret(settings), int(clock.now().timestamp())
    )
    headers = {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": signature}
    headers["User-Agent"] = "Stripe/1.0 (embedded)"
    try:
        answer = session.post(
            _endpoint(settings),
            payload.encode(),
            headers=headers,
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            allow_redirects=False,
        )
    except requests.RequestException as error:
        log.info("no answer to a test event", extra={"event": event["id"], "why": str(error)})
        return None
    if not answer.ok:
        log.info("test event refused", extra={"event": event["id"], "status": answer.status_code})
    return answer.status_code


def _note(settings: Settings, event: sqlite3.Row, *, delivered: bool) -> None:
    now, attempts = clock.now().timestamp(), event["attempts"] + 1
    due: float | None = now + PAUSES[min(attempts, len(PAUSES)) - 1]
    if delivered or now - event["created"] > GIVE_UP_SECONDS:
        due = None
    with store.write(settings) as work:
        work.db.execute(
            "UPDATE events SET attempts = ?, due = ?, leased_until = 0, delivered = ?"
            " WHERE seq = ? AND delivered IS NULL",
            [attempts, due, now if delivered else None, event["seq"]],
        )


def _endpoint(settings: Settings) -> str:
    if settings.order_service_url is not None:
        return f"{settings.order_service_url.rstrip('/')}{ENDPOINT}"
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104  # nosec B104
    host = everywhere.get(settings.host, settings.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}{ENDPOINT}"
