"""Who is asking: a bearer token or an API key becomes an actor, and each route says whom it
serves."""

import hmac
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, Literal, cast

import jwt as pyjwt
from flask import Flask, Response, after_this_request, current_app, g, request
from flask_jwt_extended import create_access_token, create_refresh_token
from flask_jwt_extended.config import config
from sqlalchemy.exc import SQLAlchemyError, TimeoutError as PoolTimeout

from bookstore import clock, errors
from bookstore.auditing import audited
from bookstore.extensions import settings
from bookstore.services import accounts, api_key_use, limits, tickets
from bookstore.services.actors import GUEST, SERVICE, Actor
from bookstore.services.limits import Standing
from bookstore.services.scopes import Scope, require_scope
from bookstore.services.sessions import Login, Origin

Access = Literal["anyone", "visitor", "user", "staff", "service"]
"""anyone: never asks who it is; visitor: guests too, and says who if it is told;
user: logged in; staff: logged in as staff; service: another part of the shop, by SERVICE_TOKEN."""

Needed = Scope | Literal["by field"] | None
"""What an API key needs to be let in. None: no key is; by field: any key, and what it asks for
is checked there (GraphQL, jobs)."""

ACCESS_SECONDS = 3600
# Sockets that a key opened end by then; a login's end with its access token.
KEY_SOCKET_SECONDS = 24 * 3600
_MAX_TOKEN = 4096
# Of the request and of nothing that may outlive it: each counts once.
_STANDING = "bookstore.standing"
_FOUND = "bookstore.found"
COUNTED = "bookstore.counted"
"""Where the sender of a request stands, if it was counted before the app saw it."""


def requires(
    access: Access,
    *,
    scope: Needed = None,
    by_ticket: bool = False,
    attempt: str | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Admit only those a view is for, and not too often; it reads who by ``current_actor()``.

    Args:
        access: for whom; a key is whom it acts for, and never more.
        scope: what a key needs besides.
        by_ticket: ``?ticket=`` will do as well, for clients that cannot send headers.
        attempt: what is tried by this, if that has a limit of its own (``services.limits``).

    Raises (when called): Unauthenticated and its kinds, Forbidden and its kinds,
    AmbiguousCredentials, RateLimited.
    """

    def decorator(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def admitted(*args: Any, **kwargs: Any) -> Any:
            if access == "service":
                g.actor = _identify_service()
                return view(*args, **kwargs)
            g.actor = actor = _count_as(None if access == "anyone" else by_ticket, attempt)
            if scope != "by field":
                require_scope(actor, scope)
            if access in {"user", "staff"} and actor.id is None:
                raise errors.Unauthenticated
            if access == "staff" and not actor.is_staff:
                raise errors.Forbidden("Only staff may do this.")
            with audited(actor):
                return view(*args, **kwargs)

        admitted.access, admitted.scope = access, scope  # type: ignore[attr-defined]
        return admitted

    return decorator


def identify_for_socket(scope: Needed) -> None:
    """Find out who asks for a socket, by token, ``?ticket=``, or a key that has ``scope``.

    Raises:
        Unauthenticated and its kinds: nobody we know.
        InsufficientScope, LoginRequired: a key that may not.
        AmbiguousCredentials: both a token and a key.
    """
    g.actor = _count_as(by_ticket=True)
    if scope != "by field":
        require_scope(g.actor, scope)
    if g.actor.id is None:
        raise errors.Unauthenticated


def usual_user(environ: dict[str, Any]) -> int | None:
    """Return the id of the user whose token a request has, before the app sees it.

    None, and the app has to look, for all but readers who have the limits and the rights that most
    have: also when it is nobody we know, or nobody can say now.
    """
    try:
        actor = _identify_bearer(environ["HTTP_AUTHORIZATION"])
    except (errors.Unauthenticated, PoolTimeout) as error:
        environ[_FOUND] = error  # nobody has to look, or to wait, once more
        return None
    except (errors.BookstoreError, SQLAlchemyError):
        return None
    environ[_FOUND] = actor, g.login_ends
    return None if actor.is_unlimited or actor.is_staff else actor.id


def count(actor: Actor | None = None, attempt: str | None = None) -> None:
    """Count this request for its sender, once; ``standing()`` says where they stand.

    Args:
        actor: who sent it; None: nobody knows, so it counts at the address.
        attempt: as ``requires`` has it.

    Raises:
        RateLimited: it is one too many.
    """
    environ = request.environ
    if _STANDING in environ:
        return
    found = environ[COUNTED] if COUNTED in environ else limits.count(actor or _guest(), attempt)
    environ[_STANDING] = found
    if found is not None and found.retry_after is not None:
        raise errors.RateLimited(found.retry_after)


def do_not_count() -> None:
    """Let this request pass uncounted, whoever sent it."""
    request.environ[_STANDING] = None


def standing() -> Standing | None:
    """Return where the sender of this request stands; None where nothing is counted."""
    return cast("Standing | None", request.environ.get(_STANDING))


def current_actor() -> Actor:
    """Return who this request acts for; a guest unless it said who it is."""
    return cast(Actor, g.get("actor", GUEST))


def login_ends() -> float:
    """Return when (Unix time) what this request came with is no longer good, an access token or
    a key (or ``KEY_SOCKET_SECONDS`` from now, if that is earlier)."""
    return cast(float, g.login_ends)


def tokens(login: Login) -> dict[str, Any]:
    """Return the access and refresh token of a login, as the token routes answer them."""
    claims = {"sid": login.session_id}
    user = str(login.user_id)
    return {
        "access": create_access_token(user, additional_claims=claims),
        "refresh": create_refresh_token(
            user, additional_claims={**claims, "jti": login.refresh_jti}
        ),
        "expires_in": ACCESS_SECONDS,
    }


def read_refresh(token: str) -> tuple[str, str]:
    """Return (session id, token id) of a refresh token.

    Raises:
        TokenExpired, Unauthenticated: it is not a good one.
    """
    claims = _decode(token, "refresh")
    return claims["sid"], claims["jti"]


def origin() -> Origin:
    """Return where the request comes from, for the list of one's sessions."""
    return Origin(request.headers.get("User-Agent", ""), request.remote_addr)


def cart_token() -> str | None:
    """Return the guest's cart token that came with the request."""
    token = request.environ.get("HTTP_X_CART_TOKEN", "")
    return token if 0 < len(token) <= 200 else None


def _count_as(by_ticket: bool | None, attempt: str | None = None) -> Actor:
    """Return who this request acts for, once it is counted for them."""
    try:
        actor = _guest() if by_ticket is None else _identify(by_ticket)
    except errors.Unauthenticated:
        # Whoever guesses tokens has no more tries than any guest at that address.
        count(None, attempt)
        raise
    count(actor, attempt)
    return actor


def _guest() -> Actor:
    return Actor(None, "guest", address=request.remote_addr)


def _identify(by_ticket: bool) -> Actor:
    environ = request.environ
    header, key = environ.get("HTTP_AUTHORIZATION"), environ.get("HTTP_X_API_KEY")
    if key is not None:
        if header is not None:  # RFC 6750 3.1 on a token that is sent in two ways: nobody guesses
            raise errors.AmbiguousCredentials
        return _identify_key(key)
    if header is None and by_ticket and "ticket" in request.args:
        ticket = tickets.redeem(request.args["ticket"])
        g.login_ends = ticket.expires
        return accounts.authenticate(ticket.user_id, ticket.session_id)
    if header is None:
        return Actor(None, "guest", address=request.remote_addr, cart_token=cart_token())
    if _FOUND in environ:
        if isinstance(found := environ[_FOUND], Exception):
            raise found
        actor, g.login_ends = found
        return cast(Actor, actor)
    return _identify_bearer(header)


def _identify_bearer(header: str) -> Actor:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise errors.Unauthenticated("Send Authorization: Bearer <access token>.")
    claims = _decode(token.strip(), "access")
    g.login_ends = float(claims["exp"])
    return accounts.authenticate(int(claims["sub"]), claims["sid"])


def _identify_key(key: str) -> Actor:
    caller = api_key_use.authenticate(key)
    key_id = caller.actor.key_id
    latest = clock.now().timestamp() + KEY_SOCKET_SECONDS
    g.login_ends = min(latest, caller.ends.timestamp() if caller.ends else latest)
    if key_id is not None and caller.is_use_due:
        app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]

        def write_down() -> None:
            with app.app_context():
                api_key_use.note_use(key_id)

        @after_this_request
        def when_answered(response: Response) -> Response:
            # Once the answer is out: whoever waits for it does not wait for this.
            response.call_on_close(write_down)
            return response

    return caller.actor


def _identify_service() -> Actor:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    # Two while it is being replaced. Without any nobody is another part, whatever is sent.
    tokens = [settings().service_token, settings().service_token_previous]
    sent = given.strip().encode()
    same = [hmac.compare_digest(sent, token.encode()) for token in tokens if token]
    if scheme.lower() != "bearer" or not any(same):
        raise errors.Unauthenticated("Send Authorization: Bearer <the service token>.")
    return SERVICE


def _decode(token: str, kind: str) -> dict[str, Any]:
    if len(token) > _MAX_TOKEN:
        raise errors.Unauthenticated("The token is not valid.")
    try:
        claims = _verified(current_app.config["SECRET_KEY"], token)
        if claims["exp"] <= clock.now().timestamp():
            raise errors.TokenExpired
    except pyjwt.ExpiredSignatureError:
        raise errors.TokenExpired from None
    except (pyjwt.PyJWTError, ValueError, TypeError, RecursionError):  # whatever a stranger sends
        raise errors.Unauthenticated("The token is not valid.") from None
    if claims.get("type") != kind:
        raise errors.Unauthenticated(f"That is not the {kind} token.")
    if not (str(claims.get("sub", "")).isdecimal() and isinstance(claims.get("sid"), str)):
        raise errors.Unauthenticated("The token is not valid.")
    return claims


@lru_cache(maxsize=8192)
def _verified(_secret: str, token: str) -> dict[str, Any]:
    """Return the claims of a token that was good once; it may have expired since.

    A client sends the same for an hour. One that is refused is not kept, and whether its login
    still stands is asked of the database each time. The library would decode it three times.
    """
    return pyjwt.decode(
        token,
        config.decode_key,
        algorithms=config.decode_algorithms,
        audience=config.decode_audience,
        issuer=config.decode_issuer,
        options={"require": ["exp", "iat", "jti", "sub"]},
    )
