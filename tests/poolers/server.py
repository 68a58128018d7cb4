"""A real PgBouncer before a test's own PostgreSQL."""

import secrets
import shutil
import signal
from pathlib import Path
from typing import Self

import psycopg

from bookstore.gateways.embedded_redis import spawn
from tests.clients import wait_until
from tests.debian import environ, find_program
from tests.servers import PostgresServer

ROLE = "shop"


def find_pgbouncer() -> str | None:
    """Return a PgBouncer: that on PATH, else Debian's package, unpacked."""
    return find_program("pgbouncer", "pgbouncer", "--version", ["libc-ares2"])


class Pooler:
    """PgBouncer in transaction mode, strict as it is by default; a context manager.

    However many clients there are, ``size`` sessions of the server serve those of one database.
    """

    def __init__(self, program: str, folder: Path, server: PostgresServer, size: int = 2) -> None:
        self.program, self.folder, self.server, self.size = program, folder, server, size
        self.sockets = Path(f"/tmp/bookstore-pgb-{secrets.token_hex(8)}")
        self.log = folder / "pgbouncer.log"

    def __enter__(self) -> Self:
        self.sockets.mkdir(mode=0o700)
        configuration = self.folder / "pgbouncer.ini"
        configuration.write_text(self._configuration())
        user = self.server._options.get("user")
        for path in (self.sockets, configuration) if user else ():
            shutil.chown(path, user)
        options = {k: v for k, v in self.server._options.items() if k != "env"}
        with self.log.open("wb") as out:
            self.process = spawn(
                [*self.server._prefix, self.program, str(configuration)],
                signal.SIGINT,
                stdout=out,
                stderr=out,
                env=self.server._options["env"] | environ(self.program),
                **options,
            )
        wait_until(self._answers)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.sockets, ignore_errors=True)

    def _configuration(self) -> str:
        return f"""
[databases]
* = host={self.server.sockets} port=5432 user={ROLE}
[pgbouncer]
listen_port = 6432
listen_addr =
unix_socket_dir = {self.sockets}
auth_type = any
pool_mode = transaction
default_pool_size = {self.size}
max_client_conn = 500
"""

    def url(self, database: str) -> str:
        """Return the SQLAlchemy URL of a database, by the pooler."""
        return f"postgresql+psycopg://{ROLE}@/{database}?host={self.sockets}&port=6432"

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            psycopg.connect(self.url("postgres").replace("+psycopg", "")).close()
        except psycopg.OperationalError:
            return False
        return True
