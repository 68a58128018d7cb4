"""Settings: read from the environment once, typed, and refused at start when bad."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from dotenv import dotenv_values

from bookstore.config import checks
from bookstore.config.databases import as_sqlalchemy_has_it
from bookstore.config.eyes import Eyes
from bookstore.config.redis_url import QUEUE_TAG
from bookstore.config.values import BadSetting, parse, setting, show

__all__ = ["BadSetting", "Settings"]

# RQ takes it from there alone.
os.environ["RQ_KEY_PREFIX"] = QUEUE_TAG

_WEAK_SECRETS = frozenset({"secret", "changeme", "change-me", "dev", "development", "test"})
_DEFAULT_HOME = Path("var")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(Eyes):
    """Every setting of the service; ``flask settings`` prints this table."""

    bookstore_env: Literal["development", "testing", "production"] = setting(
        "development", "development, testing or production", check=checks.ok
    )
    bookstore_home: Path = setting(  # noqa: RUF009 - a field
        _DEFAULT_HOME,
        "data folder: SQLite file, Redis files, logs, the signing key of development",
        check=checks.ok,
    )
    host: str = setting("127.0.0.1", "address to listen on", check=checks.ok)
    port: int = setting(8000, "port to listen on", check=checks.between(1, 65535))
    web_workers: int = setting(2, "web processes; one or two a core", check=checks.between(1, 64))
    web_threads: int = setting(
        8,
        "threads a web process; also the size of its pool of connections to PostgreSQL",
        check=checks.between(1, 64),
    )
    secret_key: str | None = setting(
        None,
        "signs tokens; at least 32 characters (unset: made and kept in the data folder; production "
        "needs one)",
        secret=True,
        check=checks.ok,
    )
    database_url: str | None = setting(
        None,
        "the database: postgresql://user:password@host/name or sqlite:///… (unset: SQLite in the "
        "data folder)",
        secret=True,
        check=checks.database,
    )
    redis_url: str | None = setting(
        None,
        "one Redis, Sentinels or a cluster: redis://…, redis+sentinel://…/service, "
        "redis+cluster://… (unset: the embedded server)",
        secret=True,
        check=checks.redis,
    )
    public_url: str | None = setting(
        None,
        "the shop's address as its customers know it, for links in mail (unset: http://HOST:PORT)",
        check=checks.web,
    )
    webhook_allow_private_networks: bool | None = setting(
        None,
        "let webhooks go to private addresses (unset: only in development)",
        check=checks.ok,
    )
    order_payment_window: int = setting(
        60,
        "minutes after which an unpaid order is cancelled and its copies go back on sale",
        check=checks.between(1, 43_200),
    )
    tax_rates: str | None = setting(
        None,
        "rates that go before those in the database: DE/books=7, DE=19, US-CA=7.25+ (+: added)",
        check=checks.tax_rates,
    )
    seller_name: str = setting("Bookstore", "who sells, as invoices name them", check=checks.ok)
    seller_address: str | None = setting(
        None, "their address on invoices, its lines separated by |", check=checks.ok
    )
    seller_tax_id: str | None = setting(
        None, "their VAT or tax number on invoices", check=checks.ok
    )
    seller_email: str | None = setting(
        None, "where customers can ask about an invoice", check=checks.email
    )
    currency: str = setting(
        "usd",
        "the shop's currency, ISO 4217; not to be changed once there are prices",
        check=checks.currency,
    )
    default_country: str | None = setting(
        None,
        "country (ISO 3166-1) of an order by API v1 whose address names none (unset: one that no "
        "tax rate names)",
        check=checks.country,
    )
    isbn_checksum: bool = setting(
        False,
        "refuse an ISBN whose check digit is wrong (its format is always checked)",
        check=checks.ok,
    )
    graphql_introspection: bool | None = setting(
        None,
        "let GraphQL tell its schema, and show GraphiQL to browsers (unset: not in production)",
        check=checks.ok,
    )
    graphql_max_cost: int = setting(
        5000, "fields that one GraphQL query may make", check=checks.between(100, 1_000_000)
    )
    recommendation_books: int = setting(
        10_000,
        "books that recommendations are learned for, the most sold; each pair takes 4 bytes",
        check=checks.between(100, 50_000),
    )
    graphiql_assets_url: str | None = setting(
        None,
        "where GraphiQL's scripts are, under the names that its page has (unset: unpkg.com)",
        check=checks.web,
    )

    @property
    def is_production(self) -> bool:
        """Whether the strict rules of production apply."""
        return self.bookstore_env == "production"

    @property
    def forces_https(self) -> bool:
        """Whether who comes by http is led to https."""
        if self.force_https is None:
            # A shop that customers know by an http address has no https to lead them to.
            return self.is_production and not (self.public_url or "").startswith("http:")
        return self.force_https

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
    def graphql_is_open(self) -> bool:
        """Whether GraphQL tells its schema, and shows GraphiQL to browsers."""
        if self.graphql_introspection is None:
            return not self.is_production
        return self.graphql_introspection

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
        return as_sqlalchemy_has_it(self.database_url)

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
        self.check_databases(self.database_url)
        self.check_parts()
        self.check_eyes(is_production=self.is_production)
        self.check_outside(is_production=self.is_production, public_url=self.public_url)
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

    @property
    def log_path(self) -> Path | None:
        """The file that the servers log to; None for none."""
        if self.log_file is None:
            return self.bookstore_home.absolute() / "logs" / "bookstore.log"
        return None if self.log_file.lower() == "none" else Path(self.log_file).absolute()

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
