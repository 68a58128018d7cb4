"""Idempotency keys: a request repeated with its key is answered as the first time.

The claim is committed before the work starts, so that of many at once one works. The answer
is stored in the work's own transaction: either both are there or neither, whatever dies when.
It is stored encrypted, since some answers show a secret that is not to be had a second time.
(After draft-ietf-httpapi-idempotency-key-header, with Stripe's semantics.)
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm import Session

from bookstore import clock, errors
from bookstore.models import IdempotencyKey
from bookstore.prepared import Prepared
from bookstore.services import batches, vault
from bookstore.services.sql import upserting
from bookstore.unit_of_work import execute, unit_of_work, witnessed

LIFETIME = timedelta(hours=24)
# Longer than any request may run; only a claim whose process died gets this old.
LEASE = timedelta(seconds=60)
_BATCH = 1000
_current: ContextVar[str | None] = ContextVar("idempotency_key", default=None)
_made: ContextVar[int | None] = ContextVar("account_made", default=None)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer as plain values; ``replayed`` when it is a repetition."""

    status: int
    headers: dict[str, str]
    body: bytes
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks what under which key. ``scope`` keeps principals apart; ``user_id`` is whose it is,
    if it is an account's."""

    scope: str
    route: str
    key: str
    fingerprint: str
    user_id: int | None = None


def fingerprint(secret: str, *parts: bytes) -> str:
    """Return a keyed digest of what makes a request the same request."""
    digest = hmac.new(secret.encode(), digestmod=hashlib.sha256)
    for part in parts:
        digest.update(len(part).to_bytes(8) + part)
    return digest.hexdigest()


def run(
    request: Request,
    work: Callable[[], Answer],
    refused: Callable[[errors.BookstoreError], Answer],
) -> Answer:
    """Return the first answer to this request, doing ``work`` if this is the first.

    Args:
        request: with its key.
        work: does it; its writes and its answer are committed together.
        refused: turns a refusal into its answer, which is stored and repeated like any other.

    Raises:
        IdempotencyKeyReused: the key was used for another request.
        IdempotencyInProgress: the first is still running.
        PartUnavailable, PaymentsUnavailable, RateLimited, LoginsBusy: nothing was done; the key is
            free again.
        Exception: whatever else ``work`` raised; the key is free again, too.
    """
    owner = secrets.token_hex(16)
    stored = _claim(request, owner)
    if stored is not None:
        return stored
    before, made = _current.set(request.key), _made.set(request.user_id)
    try:
        with unit_of_work() as session:
            answer = work()
            _store(session, request, owner, answer, _made.get())
            return answer
    except (
        errors.PartUnavailable,
        errors.PaymentsUnavailable,
        errors.RateLimited,
        errors.LoginsBusy,
    ):
        # Nothing was decided: the same key may do it later.
        _release(request, owner)
        raise
    except errors.BookstoreError as error:
        answer = refused(error)
    except BaseException:
        _release(request, owner)
        raise
    finally:
        _current.reset(before)
        _made.reset(made)
    with witnessed(None), unit_of_work() as session:
        _store(session, request, owner, answer, request.user_id)
    return answer


def current_key() -> str | None:
    """Return the key of the request that is being worked at, to be sent on to another part."""
    return _current.get()


def forget_old() -> int:
    """Delete keys past their 24 hours; return how many."""
    over = IdempotencyKey.created_at < clock.now() - LIFETIME
    some = select(IdempotencyKey.id).where(over).order_by(IdempotencyKey.created_at).limit(_BATCH)

    def forget(session: Session) -> int:
        # Asked again: an old key may just have been claimed anew.
        gone = delete(IdempotencyKey).where(IdempotencyKey.id.in_(some), over)
        return batches.rowcount(session, gone)

    return batches.until_fewer(_BATCH, forget)


def belongs_to(user_id: int) -> None:
    """Let the answer of the request that is worked at go with an account that it has made."""
    if current_key() is not None:  # else nothing is kept, and nobody would take it back
        _made.set(user_id)


def forget(session: Session, user_id: int) -> None:
    """Delete the keys of a user and of their API keys, and the answers kept with them."""
    batches.rowcount(session, delete(IdempotencyKey).where(IdempotencyKey.user_id == user_id))


_KEY = IdempotencyKey.__table__.c
_SAME = tuple(_KEY[name] == bindparam(f"same_{name}") for name in ("scope", "route", "key"))
_MINE = (*_SAME, _KEY.owner == bindparam("mine"))
_ANSWER = ("status_code", "headers", "body", "user_id")
_STORING = Prepared(
    update(IdempotencyKey.__table__)
    .where(*_MINE)
    .values(
        {name: bindparam(f"new_{name}") for name in ("status_code", "headers", "body", "user_id")}
    )
    .returning(_KEY.id)
)
_RELEASING = Prepared(delete(IdempotencyKey.__table__).where(*_MINE))


@upserting
def _claiming(insert_into: Callable[[Any], Any]) -> Any:
    claim = insert_into(IdempotencyKey.__table__)
    return claim.on_conflict_do_nothing(index_elements=["scope", "route", "key"]).returning(_KEY.id)


def _names(request: Request) -> dict[str, str]:
    return {"scope": request.scope, "route": request.route, "key": request.key}


def _same(request: Request) -> dict[str, str]:
    return {f"same_{name}": value for name, value in _names(request).items()}


def _claim(request: Request, owner: str) -> Answer | None:
    """Insert the claim; None when it is ours, else the stored answer."""
    now = clock.now()
    # Not the work yet, so nothing for who witnesses that.
    with witnessed(None), unit_of_work() as session:
        fresh = {
            "fingerprint": request.fingerprint,
            "owner": owner,
            "leased_until": now + LEASE,
            "created_at": now,
            "user_id": request.user_id,
        }
        claim = {**_names(request), **fresh}
        if execute(session, _claiming(session), claim).first() is not None:
            return None
        row = session.scalars(
            select(IdempotencyKey)
            .where(*_SAME)
            .with_for_update()
            .execution_options(populate_existing=True),
            _same(request),
        ).first()
        if row is None or row.created_at < now - LIFETIME:
            if row is None:  # released between the two statements
                raise errors.IdempotencyInProgress
            row.status_code = row.headers = row.body = None
        elif row.fingerprint != request.fingerprint:
            raise errors.IdempotencyKeyReused
        elif row.status_code is not None:
            body = vault.unseal(row.body or b"").encode()
            return Answer(row.status_code, dict(row.headers or {}), body, replayed=True)
        elif row.leased_until > now:
            raise errors.IdempotencyInProgress
        for name, value in fresh.items():
            setattr(row, name, value)
    return None


def _store(
    session: Session, request: Request, owner: str, answer: Answer, user_id: int | None
) -> None:
    new = {
        "new_status_code": answer.status,
        "new_headers": answer.headers,
        "new_body": vault.seal(answer.body.decode()),
        "new_user_id": user_id,
    }
    done = execute(session, _STORING, {**_same(request), "mine": owner, **new})
    if done.first() is None:
        # The lease ran out and another took over: this work must not count as well.
        raise errors.IdempotencyInProgress


def _release(request: Request, owner: str) -> None:
    with witnessed(None), unit_of_work() as session:
        execute(session, _RELEASING, {**_same(request), "mine": owner})
