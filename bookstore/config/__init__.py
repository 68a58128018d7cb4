"""Settings: read from the environment once, typed, and refused at start when bad."""

import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from dotenv import dotenv_values

from bookstore.config import checks
from bookstore.config.values import BadSetting, parse, show

__all__ = ["BadSetting", "Settings"]

_WEAK_SECRETS = frozenset({"secret", "changeme", "change-me", "dev", "development", "test"})
_DEFAULT_HOME = Path("var")


def _setting(
    default: Any, help_text: str, *, check: Callable[[Any], str | None], secret: bool = False
) -> Any:
    metadata = {"help": help_text, "secret": secret, "check": check}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting of the service; ``flask settings`` prints this table."""

    bookstore_env: Literal["development", "testing", "production"] = _setting(
        "development", "development, testing or production", check=checks.ok
    )
    bookstore_home: Path = _setting(
        _DEFAULT_HOME, "data folder: SQLite file, Redis files, logs", check=checks.ok
    )
    host: str = _setting("127.0.0.1", "address to listen on", check=checks.ok)
    port: int = _setting(8000, "port to listen on", check=checks.between(1, 65535))
    web_workers: int = _setting(2, "web processes", check=checks.between(1, 64))
    web_threads: int = _setting(8, "threads a web process", check=checks.between(1, 64))
    secret_key: str | None = _setting(
        None,
        "signs tokens; at least 32 characters; made and kept in the data folder in development",
        secret=True,
        check=checks.ok,
    )
    database_url: str | None = _setting(
        None,
        "postgresql://… (unset: SQLite in the data folder)",
        secret=True,
        check=checks.database,
    )
    redis_url: str | None = _setting(
        None, "redis://… (unset: the embedded server)", secret=True, check=checks.redis
    )
    public_url: str | None = _setting(
        None, "the shop's address as its customers know it, for links in mail", check=checks.web
    )
    sendgrid_api_key: str | None = _setting(
        None,
        "sends mail by SendGrid (unset: .eml files in the data folder)",
        secret=True,
        check=checks.ok,
    )
    sendgrid_host: str = _setting(
        "https://api.sendgrid.com", "where SendGrid's API is", check=checks.web
    )
    mail_from: str = _setting(
        "Bookstore <shop@bookstore.example>", "sender of the shop's mail", check=checks.mailbox
    )
    fcm_project_id: str | None = _setting(
        None, "Firebase project that sends push messages (unset: the log)", check=checks.ok
    )
    fcm_credentials_file: Path | None = _setting(
        None, "service account of that project, a JSON file", check=checks.ok
    )
    fcm_endpoint: str = _setting(
        "https://fcm.googleapis.com", "where Firebase Cloud Messaging is", check=checks.web
    )
    webhook_allow_private_networks: bool | None = _setting(
        None,
        "let webhooks go to private addresses (unset: only in development)",
        check=checks.ok,
    )
    metrics_token: str | None = _setting(
        None,
        "bearer token of /metrics (unset: open to all, in production to nobody)",
        secret=True,
        check=checks.ok,
    )
    stripe_secret_key: str | None = _setting(
        None,
        "takes payments by Stripe (unset: the embedded test cards; in production: no payments)",
        secret=True,
        check=checks.ok,
    )
    stripe_publishable_key: str | None = _setting(
        None, "the other half of that key, for the checkout page", check=checks.ok
    )
    stripe_webhook_secret: str | None = _setting(
        None, "verifies that events come from Stripe", secret=True, check=checks.ok
    )
    stripe_api_base: str = _setting(
        "https://api.stripe.com", "where Stripe's API is", check=checks.web
    )
    order_payment_window: int = _setting(
        60,
        "minutes after which an unpaid order is cancelled and its copies go back on sale",
        check=checks.between(1, 43_200),
    )
    tax_rates: str | None = _setting(
        None,
        "rates that go before those in the database: DE/books=7, DE=19, US-CA=7.25+ (+: added)",
        check=checks.tax_rates,
    )
    seller_name: str = _setting("Bookstore", "who sells, as invoices name them", check=checks.ok)
    seller_address: str | None = _setting(
        None, "their address on invoices, its lines separated by |", check=checks.ok
    )
    seller_tax_id: str | None = _setting(
        None, "their VAT or tax number on invoices", check=checks.ok
    )
    seller_email: str | None = _setting(
        None, "where customers can ask about an invoice", check=checks.email
    )
    currency: str = _setting("usd", "the shop's currency, ISO 4217", check=checks.currency)
    default_country: str | None = _setting(
        None,
        "country (ISO 3166-1) of an order by API v1 whose address names none (unset: one that no "
        "tax rate names)",
        check=checks.country,
    )
    isbn_checksum: bool = _setting(
        False,
        "refuse an ISBN whose check digit is wrong (its format is always checked)",
        check=checks.ok,
    )
    log_level: str = _setting("INFO", "DEBUG, INFO, WARNING or ERROR", check=checks.log_level)
    slow_query_ms: int = _setting(
        500, "log statements slower than this many milliseconds", check=checks.between(1, 600_000)
    )

    @property
    def is_production(self) -> bool:
        """Whether the strict rules of production apply."""
        return self.bookstore_env == "production"

    @property
    def allows_private_networks(self) -> bool:
        """Whether webhooks may go to private addresses."""
        if self.webhook_allow_private_networks is None:
            return self.bookstore_env == "development"
        return self.webhook_allow_private_networks

    @property
    def takes_test_cards(self) -> bool:
        """Whether the embedded stand-in for Stripe takes payments: never of a real shop."""
        return self.stripe_secret_key is None and not self.is_production

    @property
    def shop_url(self) -> str:
        """The shop's address for its customers, without a slash at the end."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def seller_lines(self) -> list[str]:
        """The lines of the seller's address."""
        return [part.strip() for part in (self.seller_address or "").split("|") if part.strip()]

    @property
    def sqlalchemy_url(self) -> str:
        """The database as SQLAlchemy wants it; SQLite in the data folder when none is set."""
        if self.database_url is None:
            return f"sqlite:///{self.bookstore_home.absolute() / 'bookstore.sqlite3'}"
        return re.sub(r"^postgresql://", "postgresql+psycopg://", self.database_url)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read the environment (and ``.env`` in the working folder, which it overrides).

        Raises:
            BadSetting: naming the variable, when one is missing or wrong.
        """
        if environ is None:
            dotenv = {k: v for k, v in dotenv_values(".env").items() if v is not None}
            environ = {**dotenv, **os.environ}
        values = {}
        for item in fields(cls):
            raw = environ.get(item.name.upper(), "")
            if raw.strip():
                values[item.name] = parse(item, raw.strip())
        return cls(**values).checked()

    def checked(self) -> "Settings":
        """Return self after checking each value and the rules of production.

        Raises:
            BadSetting: as ``from_environ``.
        """
        for item in fields(self):
            problem = item.metadata["check"](getattr(self, item.name))
            if problem:
                raise BadSetting(f"{item.name.upper()}: {problem}")
        if (
            self.secret_key is not None
            and self.is_production
            and (
                len(self.secret_key) < 32
                or self.secret_key.lower() in _WEAK_SECRETS
                or len(set(self.secret_key)) < 8
            )
        ):
            raise BadSetting("SECRET_KEY: must be at least 32 random characters in production")
        if self.secret_key is None and self.is_production:
            raise BadSetting("SECRET_KEY: must be set in production")
        if self.is_production and self.sendgrid_api_key is not None:
            # Else customers get links to 127.0.0.1, from an address that is nobody's.
            if self.public_url is None:
                raise BadSetting("PUBLIC_URL: must be set in production when mail is sent")
            if self.mail_from.endswith("@bookstore.example>"):
                raise BadSetting("MAIL_FROM: must be set in production when mail is sent")
        if self.stripe_secret_key is not None and self.stripe_webhook_secret is None:
            raise BadSetting("STRIPE_WEBHOOK_SECRET: must be set when STRIPE_SECRET_KEY is")
        if self.fcm_project_id is not None:
            if self.fcm_credentials_file is None:
                raise BadSetting("FCM_CREDENTIALS_FILE: must be set when FCM_PROJECT_ID is")
            if not self.fcm_credentials_file.is_file():
                raise BadSetting(f"FCM_CREDENTIALS_FILE: {self.fcm_credentials_file} is not a file")
        return self

    def resolved_secret_key(self) -> str:
        """Return the signing key; outside production one is made and kept in the data folder.

        Raises:
            BadSetting: the data folder cannot be written.
        """
        if self.secret_key is not None:
            return self.secret_key
        path = self.bookstore_home / "secret_key"
        self.make_home()
        try:
            # Written aside and linked into place: of two first starts, one wins whole.
            draft = path.with_name(f".secret_key.{os.getpid()}.{secrets.token_hex(4)}")
            if not path.exists():
                draft.touch(mode=0o600)
                draft.write_text(secrets.token_urlsafe(48))
                try:
                    os.link(draft, path)
                except FileExistsError:
                    pass
                finally:
                    draft.unlink()
            secret = path.read_text().strip()
            if len(secret) < 32:
                raise BadSetting(f"SECRET_KEY: {path} is damaged; delete it to have a new one made")
            return secret
        except OSError as error:
            raise BadSetting(f"BOOKSTORE_HOME: cannot write {path}: {error.strerror}") from error

    def make_home(self) -> None:
        """Make the data folder.

        Raises:
            BadSetting: it cannot be made or written.
        """
        try:
            # Nobody else on the machine may read the customers' data in it.
            self.bookstore_home.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise BadSetting(
                f"BOOKSTORE_HOME: cannot write {self.bookstore_home}: {error.strerror}"
            ) from error

    def table(self) -> list[tuple[str, str, str, str]]:
        """Return (name, value, default, meaning) of every setting, secrets masked."""
        rows = []
        for item in fields(self):
            value, default = getattr(self, item.name), item.default
            shown = "(set, hidden)" if item.metadata["secret"] and value else show(value)
            rows.append((item.name.upper(), shown, show(default), item.metadata["help"]))
        return rows
