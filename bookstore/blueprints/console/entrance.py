"""Who may enter the console: staff, by a cookie; and forms that are the console's own.

The cookie is a signed token of its own kind (another audience than the API's, so neither opens the
other's door) that names a login: a session as all others, listed and ended at ``/me/sessions``.
Each request asks the database whether it stands and who it is. Idle for ``IDLE``, or ``LONGEST``
after the password was typed, it is over (docs/decisions/0040-console.md says why it is so).
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any
from urllib.parse import SplitResult, quote, unquote, urlsplit

import jwt as pyjwt
import marshmallow as ma
from flask import Response, after_this_request, current_app, g, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from bookstore import auth, clock, errors
from bookstore.auditing import audited
from bookstore.blueprints import queries
from bookstore.blueprints.console.pages import page
from bookstore.extensions import settings
from bookstore.services import accounts, sessions
from bookstore.services.actors import Actor
from bookstore.services.sessions import Login

View = Callable[..., Any]

PATH = "/admin"
COOKIE = "bookstore-console"
IDLE, LONGEST = timedelta(hours=1), timedelta(hours=12)
# A token that is younger is not exchanged: a page and what belongs to it asks once.
_RENEWED_AFTER = timedelta(minutes=5)
# Sent by the pages' script with what it asks for by itself, which is no use and puts off no end.
BY_ITSELF = "Bookstore-Refresh"
# Of an address that a login leads to, which is sent in an address itself.
_LONGEST_PATH = 2000
_AUDIENCE = "bookstore-console"
_CSRF = b"bookstore console form v1:"
_DIGEST = 32


def staff(view: View) -> View:
    """Admit staff only: others are led to the login page, or told that they may not.

    A POST has to come from a form of this very login. What it does is noted in the audit log.
    Staff are not counted against the limits: a page and its forms are a few requests a click, and
    whoever has to look after the shop must not be locked out of it. All others are, by address.

    Raises (when called): Forbidden: not staff (any more), or not a form of ours.
    """
    return _admitting(view, None)


def staff_asking(query: type[ma.Schema]) -> Callable[[View], View]:
    """Admit as ``staff`` does, to a view that reads the query string, by ``Form.asked``.

    Raises (when called): also Invalid: parameters that the schema does not know.
    """
    return lambda view: _admitting(view, query)


def reads_query(schema: type[ma.Schema]) -> None:
    """Refuse parameters of a query that are none of this schema's (``queries``)."""
    queries.check_text()
    known = {field.data_key or name for name, field in schema._declared_fields.items()}
    unknown = set(request.args) - known
    if unknown:
        raise errors.Invalid({name: ["Unknown field."] for name in sorted(unknown)})


def _admitting(view: View, query: type[ma.Schema] | None) -> View:
    @wraps(view)
    def admitted(*args: Any, **kwargs: Any) -> Any:
        if query is not None:
            reads_query(query)
        try:
            g.actor = actor = _identify()
        except errors.Unauthenticated:
            # Whoever guesses has no more tries than any guest at that address.
            auth.count()
            return _to_login()
        if not actor.is_staff:
            auth.count(actor)
            raise errors.Forbidden("The console is for staff only.")
        auth.do_not_count()
        if request.method == "POST":
            require_own_form(actor)
        with audited(actor):
            return view(*args, **kwargs)

    admitted.access, admitted.scope = "staff", None  # type: ignore[attr-defined]
    if query is not None:
        admitted.checks_query = True  # type: ignore[attr-defined]
    return admitted


def let_in(response: BaseResponse, login: Login) -> None:
    """Give a browser the cookie of a login that has just been made."""
    now = int(clock.now().timestamp())
    _set_cookie(response, login.user_id, login.session_id, now)


def let_go(response: BaseResponse) -> None:
    """Take the cookie away."""
    response.delete_cookie(
        _cookie(), path=PATH, secure=_is_secure(), httponly=True, samesite="Strict"
    )


def form_token(actor: Actor) -> str:
    """Return what shows that a form was made for this login; each time another text.

    The same text in each page would let who can choose a part of a page guess it by how small the
    page is packed (BREACH).
    """
    pad = secrets.token_bytes(_DIGEST)
    return base64.urlsafe_b64encode(pad + _mixed(pad, _form_digest(actor))).decode()


def require_own_form(actor: Actor) -> None:
    """Refuse a POST that is not from a form of this login.

    Raises:
        Forbidden: it is another site's, or the form of a login that is over.
    """
    require_same_site()
    try:
        sent = base64.urlsafe_b64decode(request.form.get("csrf", "").encode())
    except ValueError:
        sent = b""
    pad, rest = sent[:_DIGEST], sent[_DIGEST:]
    if len(rest) != _DIGEST or not hmac.compare_digest(_mixed(pad, rest), _form_digest(actor)):
        raise errors.Forbidden("This form is from another login: load its page again.")


def require_same_site() -> None:
    """Refuse a POST that a page of another site has sent; browsers say who it was.

    Raises:
        Forbidden: it was another, or nobody says.
    """
    fetched = request.headers.get("Sec-Fetch-Site")
    if fetched is None:
        # Not told by plain HTTP, but then the origin is.
        host = _split(request.headers.get("Origin", "")).netloc
        own = {request.host, urlsplit(settings().shop_url).netloc}
        is_own = bool(host) and host in own
    else:
        is_own = fetched == "same-origin"
    if not is_own:
        raise errors.Forbidden("This form was not sent by a page of the console.")


def local(path: str | None) -> str:
    """Return a path if it leads to a page of the console, else the way to its first page."""
    text = path or ""
    parts = _split(text)
    ours = text == PATH or text.startswith((f"{PATH}/", f"{PATH}?"))
    odd = (
        "\\" in text or "//" in parts.path or not text.isprintable() or ".." in unquote(parts.path)
    )
    if not ours or odd or parts.scheme or parts.netloc or len(text) > _LONGEST_PATH:
        return url_for("console.dashboard.index")
    return text


def _identify() -> Actor:
    """Return who the cookie stands for, and put off its end.

    Raises:
        Unauthenticated and its kinds: there is none, or it is no longer good.
    """
    token = request.cookies.get(_cookie())
    if not token:
        raise errors.Unauthenticated
    now = clock.now().timestamp()
    try:
        claims = pyjwt.decode(
            token,
            current_app.config["SECRET_KEY"],
            algorithms=["HS256"],
            audience=_AUDIENCE,
            issuer="bookstore",
            # When it ends is looked at by our own clock, below.
            options={
                "require": ["exp", "iat", "sub", "sid", "began"],
                "verify_exp": False,
                "verify_iat": False,
            },
        )
        user_id, session_id = int(claims["sub"]), str(claims["sid"])
        began, made = int(claims["began"]), int(claims["iat"])
    except (pyjwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise errors.Unauthenticated from None
    if now >= claims["exp"]:
        raise errors.TokenExpired
    actor = accounts.authenticate(user_id, session_id)
    if now - made >= _RENEWED_AFTER.total_seconds() and BY_ITSELF not in request.headers:
        sessions.note_use(session_id)

        @after_this_request
        def renew(response: Response) -> Response:
            # Unless the view has taken it away.
            if "Set-Cookie" not in response.headers:
                _set_cookie(response, user_id, session_id, began)
            return response

    return actor


def _set_cookie(response: BaseResponse, user_id: int, session_id: str, began: int) -> None:
    now = int(clock.now().timestamp())
    end = min(now + int(IDLE.total_seconds()), began + int(LONGEST.total_seconds()))
    claims = {
        "iss": "bookstore",
        "aud": _AUDIENCE,
        "sub": str(user_id),
        "sid": session_id,
        "began": began,
        "iat": now,
        "exp": end,
    }
    token = pyjwt.encode(claims, current_app.config["SECRET_KEY"], algorithm="HS256")
    response.set_cookie(
        _cookie(),
        token,
        max_age=max(0, end - now),
        path=PATH,
        secure=_is_secure(),
        httponly=True,
        samesite="Strict",
    )


def _to_login() -> BaseResponse:
    if request.method in {"GET", "HEAD"}:
        here = quote(request.path)
        if request.query_string:
            here += f"?{request.query_string.decode('latin-1')}"
        if request.headers.get("Sec-Fetch-Site") == "cross-site":
            # By a link in a mail or a chat, with which a browser sends no cookie that is Strict:
            # from this page the same address is asked for once more, and with it.
            return page("console/arrived.html", here=local(here))
    else:
        # What was to be done is lost with the login; the page that it was on is not.
        here = _split(request.headers.get("Referer", "")).path
    return redirect(url_for("console.login.enter", next=local(here)), 303)


def _split(url: str) -> SplitResult:
    """Return the parts of what a stranger says is an address; none of what is not."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def _cookie() -> str:
    return f"__Secure-{COOKIE}" if _is_secure() else COOKIE


def _is_secure() -> bool:
    return request.is_secure or settings().is_production


def _form_digest(actor: Actor) -> bytes:
    key = current_app.config["SECRET_KEY"].encode()
    return hmac.digest(key, _CSRF + (actor.session_id or "").encode(), hashlib.sha256)


def _mixed(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
