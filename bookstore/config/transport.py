"""Settings of how browsers reach the shop."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from bookstore.config import checks
from bookstore.config.limits import Limits
from bookstore.config.values import setting


def _origins(value: str | None) -> str | None:
    """Take origins of web pages, separated by commas; never all of them."""
    for origin in (value or "").split(","):
        found = urlsplit(origin.strip())
        extra = found.path or found.query or found.fragment or found.username or "*" in origin
        wrong = found.scheme not in {"http", "https"} or extra or checks.web(origin.strip())
        if value is not None and wrong:
            return "must be origins such as https://app.example.com, separated by commas"
    return None


def _as_sent(origin: str) -> str:
    """Return an origin as the header ``Origin`` has it: lower case, no port that goes without."""
    found = urlsplit(origin.lower())
    usual = {"http": ":80", "https": ":443"}[found.scheme]
    return f"{found.scheme}://{found.netloc.removesuffix(usual)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transport(Limits):
    """What browsers are told."""

    cors_origins: str | None = setting(
        None,
        "origins whose pages may call the API, separated by commas (unset: none but the shop's)",
        check=_origins,
    )
    force_https: bool | None = setting(
        None,
        "lead http to https, and have browsers remember it by HSTS (unset: in production, unless "
        "PUBLIC_URL begins with http:)",
        check=checks.ok,
    )

    @property
    def allowed_origins(self) -> list[str]:
        """The origins that may call the API, written as browsers do."""
        given = (self.cors_origins or "").split(",")
        return [_as_sent(part.strip()) for part in given if part.strip()]
