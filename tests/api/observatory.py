"""The rules of MDN's HTTP Observatory (algorithm 4), which grades how a site protects browsers.

Written after ``@mdn/mdn-http-observatory`` 1.4.8 (MPL-2.0), which itself can only be asked for a
site of the internet. Each rule has the Observatory's name, and returns the name of what it found;
``POINTS`` says what that is worth. Lists of preloaded sites are left out: a new shop is in none.
"""

import re
from collections.abc import Callable
from html.parser import HTMLParser

from werkzeug.test import TestResponse

POINTS = {
    "csp-implemented-with-no-unsafe-default-src-none": 10,
    "csp-implemented-with-no-unsafe": 5,
    "csp-implemented-with-unsafe-inline-in-style-src-only": 0,
    "csp-implemented-with-insecure-scheme-in-passive-content-only": -10,
    "csp-implemented-with-unsafe-eval": -10,
    "csp-implemented-with-unsafe-inline": -20,
    "csp-implemented-with-insecure-scheme": -20,
    "csp-header-invalid": -25,
    "csp-not-implemented": -25,
    "cookies-not-found": 0,
    "cookies-secure-with-httponly-sessions-and-samesite": 5,
    "cookies-session-without-secure-flag": -40,
    "cross-origin-resource-sharing-not-implemented": 0,
    "cross-origin-resource-sharing-implemented-with-public-access": 0,
    "cross-origin-resource-sharing-implemented-with-restricted-access": 0,
    "cross-origin-resource-sharing-implemented-with-universal-access": -50,
    "redirection-to-https": 0,
    "redirection-off-host-from-http": -5,
    "redirection-not-to-https": -20,
    "redirection-missing": -20,
    "referrer-policy-private": 5,
    "referrer-policy-not-implemented": 0,
    "referrer-policy-unsafe": -5,
    "hsts-implemented-max-age-at-least-six-months": 0,
    "hsts-implemented-max-age-less-than-six-months": -10,
    "hsts-not-implemented": -20,
    "hsts-header-invalid": -20,
    "sri-implemented-and-external-scripts-loaded-securely": 5,
    "sri-not-implemented-response-not-html": 0,
    "sri-not-implemented-but-no-scripts-loaded": 0,
    "sri-not-implemented-but-all-scripts-loaded-from-secure-origin": 0,
    "sri-not-implemented-but-external-scripts-loaded-securely": -5,
    "sri-not-implemented-and-external-scripts-not-loaded-securely": -50,
    "x-content-type-options-nosniff": 0,
    "x-content-type-options-not-implemented": -5,
    "x-content-type-options-header-invalid": -5,
    "x-frame-options-implemented-via-csp": 5,
    "x-frame-options-sameorigin-or-deny": 0,
    "x-frame-options-not-implemented": -20,
    "corp-implemented-with-same-origin": 10,
    "corp-implemented-with-same-site": 10,
    "corp-implemented-with-cross-origin": 0,
    "corp-not-implemented": 0,
    "corp-header-invalid": -5,
}
_BROAD = {"ftp:", "http:", "https:", "*", "http://*", "http://*.*", "https://*", "https://*.*"}
_UNSAFE = {*_BROAD, "'unsafe-inline'", "data:"}
_GRADES = [(100, "A+"), (90, "A"), (85, "A-"), (80, "B+"), (70, "B"), (65, "B-"), (0, "C or worse")]


class Scanned:
    """The answers of one address: by https, by http, and to a preflight of a strange site."""

    def __init__(self, https: TestResponse, http: TestResponse, preflight: TestResponse) -> None:
        self.https, self.http, self.preflight = https, http, preflight

    def policy(self) -> dict[str, set[str]]:
        """Return the Content-Security-Policy by directive; ValueError if one stands twice."""
        found: dict[str, set[str]] = {}
        for policy in self.https.headers.getlist("Content-Security-Policy"):
            for part in filter(None, map(str.strip, policy.split(";"))):
                name, *sources = part.lower().split()
                if name in found:
                    raise ValueError(name)
                found[name] = set(sources) or {"'none'"}
        return found


def content_security_policy(scanned: Scanned) -> str:
    """No unsafe sources of scripts and styles, no http, best by ``default-src 'none'``."""
    try:
        csp = scanned.policy()
    except ValueError:
        return "csp-header-invalid"
    if not csp:
        return "csp-not-implemented"
    default = csp.get("default-src", {"*"})
    script, style = csp.get("script-src", default), csp.get("style-src", default)
    for sources in (script, style):
        if any(source.startswith(("'nonce-", "'sha")) for source in sources):
            sources.discard("'unsafe-inline'")
    passive = csp.get("img-src", default) | csp.get("media-src", default)
    active: set[str] = set().union(
        *(sources for name, sources in csp.items() if name not in {"img-src", "media-src"})
    )
    if script & _UNSAFE or csp.get("object-src", default) & _BROAD:
        return "csp-implemented-with-unsafe-inline"
    if any(source.startswith(("http:", "ftp:")) for source in active):
        return "csp-implemented-with-insecure-scheme"
    if "'unsafe-eval'" in script | style:
        return "csp-implemented-with-unsafe-eval"
    if any(source.startswith(("http:", "ftp:")) for source in passive):
        return "csp-implemented-with-insecure-scheme-in-passive-content-only"
    if style & _UNSAFE:
        return "csp-implemented-with-unsafe-inline-in-style-src-only"
    none = default == {"'none'"}
    return f"csp-implemented-with-no-unsafe{'-default-src-none' if none else ''}"


def cookies(scanned: Scanned) -> str:
    """None, or all Secure, HttpOnly and SameSite."""
    found = [one.lower() for one in scanned.https.headers.getlist("Set-Cookie")]
    if not found:
        return "cookies-not-found"
    flags = ("; secure", "; httponly", "; samesite=")
    careful = all(flag in cookie for cookie in found for flag in flags)
    name = (
        "secure-with-httponly-sessions-and-samesite" if careful else "session-without-secure-flag"
    )
    return f"cookies-{name}"


def cross_origin_resource_sharing(scanned: Scanned) -> str:
    """Not for any site with credentials."""
    headers = scanned.preflight.headers
    allowed = headers.get("Access-Control-Allow-Origin")
    if allowed is None:
        return "cross-origin-resource-sharing-not-implemented"
    access = "restricted"
    if allowed == "*":
        access = "public"
    elif headers.get("Access-Control-Allow-Credentials", "").lower() == "true":
        access = "universal"
    return f"cross-origin-resource-sharing-implemented-with-{access}-access"


def redirection(scanned: Scanned) -> str:
    """From http straight to https on the same host."""
    target = scanned.http.headers.get("Location")
    if scanned.http.status_code not in {301, 302, 303, 307, 308} or target is None:
        return "redirection-missing"
    scheme, _, rest = target.partition("://")
    if scheme != "https":
        return "redirection-not-to-https"
    same = rest.partition("/")[0] == scanned.http.request.host
    return "redirection-to-https" if same else "redirection-off-host-from-http"


def referrer_policy(scanned: Scanned) -> str:
    """Nothing of an address to other sites but, at most, its origin."""
    value = scanned.https.headers.get("Referrer-Policy")
    if value is None:
        return "referrer-policy-not-implemented"
    good = {"no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin"}
    return f"referrer-policy-{'private' if value in good else 'unsafe'}"


def strict_transport_security(scanned: Scanned) -> str:
    """For six months at least."""
    value = scanned.https.headers.get("Strict-Transport-Security")
    if value is None:
        return "hsts-not-implemented"
    seconds = re.search(r"(?:^|;)\s*max-age=(\d+)", value)
    if seconds is None or "," in value:
        return "hsts-header-invalid"
    long = int(seconds[1]) >= 15_552_000
    return f"hsts-implemented-max-age-{'at-least' if long else 'less-than'}-six-months"


class _Scripts(HTMLParser):
    """The attributes of the scripts of a page that are loaded from somewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.all, self.foreign = 0, list[dict[str, str | None]]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script":
            self.all += 1
            told = dict(attrs)
            if re.match(r"https?://|//", told.get("src") or ""):
                self.foreign.append(told)


def subresource_integrity(scanned: Scanned) -> str:
    """Scripts of others by https, and only if their bytes are the expected ones."""
    if scanned.https.mimetype != "text/html":
        return "sri-not-implemented-response-not-html"
    page = _Scripts()
    page.feed(scanned.https.get_data(as_text=True))
    if not page.all:
        return "sri-not-implemented-but-no-scripts-loaded"
    if not page.foreign:
        return "sri-not-implemented-but-all-scripts-loaded-from-secure-origin"
    if not all((one["src"] or "").startswith("https://") for one in page.foreign):
        return "sri-not-implemented-and-external-scripts-not-loaded-securely"
    if not all(one.get("integrity") for one in page.foreign):
        return "sri-not-implemented-but-external-scripts-loaded-securely"
    return "sri-implemented-and-external-scripts-loaded-securely"


def x_content_type_options(scanned: Scanned) -> str:
    """``nosniff``."""
    value = scanned.https.headers.get("X-Content-Type-Options")
    if value is None:
        return "x-content-type-options-not-implemented"
    return f"x-content-type-options-{'nosniff' if value == 'nosniff' else 'header-invalid'}"


def x_frame_options(scanned: Scanned) -> str:
    """Not in frames of other sites, best by the policy."""
    if "frame-ancestors" in scanned.policy():
        return "x-frame-options-implemented-via-csp"
    good = scanned.https.headers.get("X-Frame-Options", "").lower() in {"deny", "sameorigin"}
    return f"x-frame-options-{'sameorigin-or-deny' if good else 'not-implemented'}"


def cross_origin_resource_policy(scanned: Scanned) -> str:
    """Best for no other site."""
    value = scanned.https.headers.get("Cross-Origin-Resource-Policy")
    if value is None:
        return "corp-not-implemented"
    known = {"same-origin", "same-site", "cross-origin"}
    return f"corp-implemented-with-{value}" if value in known else "corp-header-invalid"


RULES: tuple[Callable[[Scanned], str], ...] = (
    content_security_policy,
    cookies,
    cross_origin_resource_sharing,
    redirection,
    referrer_policy,
    strict_transport_security,
    subresource_integrity,
    x_content_type_options,
    x_frame_options,
    cross_origin_resource_policy,
)


def grade(scanned: Scanned) -> tuple[str, int, dict[str, str]]:
    """Return grade, score, and what each rule found. Extra points count from 90 upwards."""
    found = {rule.__name__: rule(scanned) for rule in RULES}
    points = [POINTS[name] for name in found.values()]
    score = 100 + sum(point for point in points if point < 0)
    if score >= 90:
        score = 100 + sum(points)
    return next(name for least, name in _GRADES if max(score, 0) >= least), score, found
