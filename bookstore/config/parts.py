"""Settings of a shop that runs as several services: which part is here, where the others are."""

from dataclasses import dataclass

from bookstore.config import checks
from bookstore.config.databases import Databases
from bookstore.config.values import BadSetting, setting

CATALOG, ORDERS, USERS = PARTS = ("catalog", "orders", "users")
"""The parts that the shop can be taken apart into."""


def _parts(value: str) -> str | None:
    """Take all, or names of parts."""
    names = [name.strip() for name in value.split(",")]
    if value == "all" or (set(names) <= set(PARTS) and len(set(names)) == len(names)):
        return None
    return f"must be all, or some of {', '.join(PARTS)}, separated by commas"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts(Databases):
    """Which part of the shop this process is."""

    bookstore_services: str = setting(
        "all", "parts that are served here: all, or some of catalog, orders, users", check=_parts
    )
    service_token: str | None = setting(
        None,
        "what the parts know each other by; at least 32 characters",
        secret=True,
        check=checks.ok,
    )
    service_token_previous: str | None = setting(
        None,
        "another that is taken as well, while SERVICE_TOKEN is being replaced",
        secret=True,
        check=checks.ok,
    )
    catalog_service_url: str | None = setting(
        None, "where the catalog part is, if not here", check=checks.web
    )
    order_service_url: str | None = setting(
        None, "where the orders part is, if not here", check=checks.web
    )
    user_service_url: str | None = setting(
        None, "where the users part is, if not here", check=checks.web
    )

    @property
    def parts(self) -> frozenset[str]:
        """The parts that are here."""
        if self.bookstore_services == "all":
            return frozenset(PARTS)
        return frozenset(name.strip() for name in self.bookstore_services.split(","))

    def url_of(self, part: str) -> str | None:
        """Return where a part is; None when it is here."""
        if part in self.parts:
            return None
        urls = (self.catalog_service_url, self.order_service_url, self.user_service_url)
        return (dict(zip(PARTS, urls, strict=True))[part] or "").rstrip("/")

    def check_parts(self) -> None:
        """Check what must be set together.

        Raises:
            BadSetting: naming what is missing.
        """
        for name in ("service_token", "service_token_previous"):
            token = getattr(self, name)
            if token is not None and len(token) < 32:
                raise BadSetting(f"{name.upper()}: must be at least 32 characters")
        if self.service_token_previous is not None and self.service_token is None:
            raise BadSetting("SERVICE_TOKEN: must be set when SERVICE_TOKEN_PREVIOUS is")
        for part, name in zip(PARTS, ("CATALOG", "ORDER", "USER"), strict=True):
            if self.url_of(part) == "":
                raise BadSetting(
                    f"{name}_SERVICE_URL: must be set when BOOKSTORE_SERVICES is "
                    f"{self.bookstore_services}"
                )
        if len(self.parts) < len(PARTS) and self.service_token is None:
            raise BadSetting(
                f"SERVICE_TOKEN: must be set when BOOKSTORE_SERVICES is {self.bookstore_services}"
            )
