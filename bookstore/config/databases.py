"""Settings of what lies around the database: replicas to read from, a pooler in front."""

import re
from dataclasses import dataclass

from bookstore.config import checks
from bookstore.config.values import BadSetting, setting


def _replicas(value: str | None) -> str | None:
    """Take the addresses of PostgreSQL servers, separated by commas."""
    for url in (value or "").split(","):
        if value is not None and not url.strip().startswith(
            ("postgresql://", "postgresql+psycopg://")
        ):
            return "must start with postgresql://: only PostgreSQL has replicas"
        problem = checks.database(url.strip() or None)
        if problem:
            return problem
    return None


def _pooler(value: str | None) -> str | None:
    return None if value in {None, "transaction"} else "must be transaction, or unset"


def as_sqlalchemy_has_it(url: str) -> str:
    """Return the address of a database with the driver that the shop uses."""
    return re.sub(r"^postgresql://", "postgresql+psycopg://", url)


@dataclass(frozen=True, slots=True, kw_only=True)
class Databases:
    """Where reads may go besides the database itself, and how it is reached."""

    database_replica_url: str | None = setting(
        None,
        "streaming replicas of DATABASE_URL to read from, separated by commas (unset: none)",
        secret=True,
        check=_replicas,
    )
    database_replica_lag: int = setting(
        5,
        "seconds that a replica may be behind before it is no longer read from",
        check=checks.between(1, 300),
    )
    database_pooler: str | None = setting(
        None,
        "the mode of a pooler (PgBouncer) in front of the database: transaction (unset: none is "
        "there)",
        check=_pooler,
    )

    @property
    def replica_urls(self) -> list[str]:
        """The replicas as SQLAlchemy wants them."""
        given = (self.database_replica_url or "").split(",")
        return [as_sqlalchemy_has_it(url.strip()) for url in given if url.strip()]

    def check_databases(self, database_url: str | None) -> None:
        """Check that what stands around the database fits it.

        Raises:
            BadSetting: SQLite has neither replicas nor poolers.
        """
        if (database_url or "sqlite:").startswith("sqlite:"):
            for name in ("database_replica_url", "database_pooler"):
                if getattr(self, name) is not None:
                    raise BadSetting(
                        f"{name.upper()}: needs a DATABASE_URL of PostgreSQL; SQLite has none"
                    )
