"""How answers travel: by HTTPS, and with headers that tell browsers what they may do with them.

The values are those of OWASP's REST and HTTP headers cheat sheets and of MDN's HTTP Observatory,
whose rules ``tests/api/test_observatory.py`` holds (docs/decisions/0024-transport.md).
"""

import logging
import secrets
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from flask import Response, g, request
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response as BaseResponse

from bookstore import auth
from bookstore.blueprints import cors
from bookstore.extensions import settings

log = logging.getLogger(__name__)

# Two years, as the preload list of the browsers wants it at least one (https://hstspreload.org).
HSTS = "max-age=63072000; includeSubDomains; preload"
# What is no page shows nothing and runs nothing, whatever a browser takes it for.
NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_DENIED = (
    "accelerometer camera display-capture geolocation gyroscope magnetometer microphone midi "
    "payment usb"
)
PERMISSIONS = dict.fromkeys(_DENIED.split(), "()")
_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{name}={value}" for name, value in PERMISSIONS.items()),
    "Content-Security-Policy": NOTHING,
    # Whatever wants to be kept says so itself.
    "Cache-Control": "no-store",
}
_ALWAYS_LOWER = tuple((name, name.lower(), value) for name, value in _ALWAYS.items())
# Of the shop's own pages: nothing from anywhere else; a script only by this answer's nonce.
_PAGE = {
    "default-src": "'none'",
    "script-src": "'nonce-{nonce}'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
# Asked by machines inside the network, which know neither certificates nor redirects.
_PLAIN = ("/healthz", "/readyz", "/metrics")
_INTERNAL = "/internal/"
_told = False


def begin() -> BaseResponse | None:
    """Answer what goes no further: plain HTTP where HTTPS is a must, and preflights of browsers."""
    if settings().forces_https and not request.is_secure and not _may_be_plain(request.path):
        return _to_https()
    preflight = cors.preflight()
    if preflight is not None:
        # Browsers ask before each address they have not asked for; that is nobody's doing.
        auth.do_not_count()
    return preflight


def finish(response: Response) -> None:
    """Add the headers that every answer has, unless the view has set its own."""
    headers = response.headers
    present = {name.lower() for name, _ in headers}
    for name, lower, value in _ALWAYS_LOWER:
        if lower not in present:
            headers.add(name, value)
    if settings().forces_https and request.is_secure:
        headers["Strict-Transport-Security"] = HSTS
    cors.finish(response)


def nonce() -> str:
    """Return the nonce of this answer's scripts and styles; each answer has another."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return str(g.csp_nonce)


def allow(response: Response, allowed: Mapping[str, str] | None = None) -> None:
    """Give a page its Content-Security-Policy.

    Args:
        response: the page; its scripts carry ``nonce()``.
        allowed: what else its policy lets in, by directive. ``{nonce}`` stands for the nonce.
    """
    policy = dict(_PAGE)
    for name, sources in (allowed or {}).items():
        policy[name] = f"{policy.get(name, '')} {sources}".strip()
    text = "; ".join(map(" ".join, policy.items()))
    response.headers["Content-Security-Policy"] = text.replace("{nonce}", nonce())


def permit(response: Response, **allowed: str) -> None:
    """Give a page its Permissions-Policy, with ``allowed`` in place of what is denied to all."""
    known = {**PERMISSIONS, **allowed}
    text = ", ".join(f"{name}={value}" for name, value in known.items())
    response.headers["Permissions-Policy"] = text


def for_other_sites(response: BaseResponse) -> None:
    """Let the pages of other sites show what is answered, as they do with covers."""
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"


def _host() -> str:
    """Return the host that the client named, without its port.

    Raises:
        BadRequest: it named none.
    """
    try:
        host = urlsplit(f"//{request.host}").hostname
    except ValueError:
        host = None
    if not host or not host.isprintable() or " " in host:
        raise BadRequest("The header Host does not name a host.")
    return host


def _may_be_plain(path: str) -> bool:
    return path in _PLAIN or path.startswith(_INTERNAL)


def _to_https() -> BaseResponse:
    _warn_of_a_circle()
    # The same host, or the browser would never learn HSTS for this one. The port is another.
    host = _host()
    public = urlsplit(settings().public_url or "")
    if public.scheme == "https" and public.hostname == host:
        host = public.netloc
    elif ":" in host:
        host = f"[{host}]"
    # As it was asked for: versions by Accept are negotiated after this, at the new address.
    path = request.environ.get("RAW_URI", "")
    if not path.startswith("/"):
        query = request.query_string.decode("latin-1")
        path = quote(request.path) + (f"?{query}" if query else "")
    response = Response(status=308)
    del response.headers["Content-Type"]
    response.headers["Location"] = f"https://{host}{path}"
    return response


def _warn_of_a_circle() -> None:
    """Say once that whoever came by HTTPS is led to HTTPS again, for ever."""
    global _told
    told = request.headers
    forwarded = f"{told.get('X-Forwarded-Proto', '')} {told.get('Forwarded', '')}".lower()
    if _told or ("https" not in forwarded and told.get("X-Forwarded-Ssl", "").lower() != "on"):
        return
    _told = True
    log.error(
        "a proxy says that a client came by https, and TRUSTED_PROXIES is %d: it is not believed, "
        "and the client led to https again and again. Set TRUSTED_PROXIES to the number of "
        "proxies in front of the shop, or FORCE_HTTPS=false",
        settings().trusted_proxies,
    )
