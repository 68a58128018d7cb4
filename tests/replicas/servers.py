"""A streaming replica of a test's own PostgreSQL, as ``pg_basebackup -R`` makes it."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
from sqlalchemy.engine import make_url

from bookstore.gateways.embedded_redis import EmbeddedServerError
from tests.servers import PostgresServer


class ReplicaServer(PostgresServer):
    """Follows ``primary``, which runs; its data lie in ``folder``."""

    def __init__(self, folder: Path, primary: PostgresServer) -> None:
        super().__init__(folder, primary.binaries, durable=True)
        self.primary = primary

    def pause(self) -> None:
        """Have it replay nothing more: what is committed from now on is not seen there."""
        self._ask("SELECT pg_wal_replay_pause()")

    def resume(self) -> None:
        """Have it go on."""
        self._ask("SELECT pg_wal_replay_resume()")

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Have it replay nothing while this lasts."""
        self.pause()
        try:
            yield
        finally:
            self.resume()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Have it hang while this lasts: connections stay open, and nothing is answered."""
        assert self._process is not None
        family = [psutil.Process(self._process.pid)]
        family += family[0].children(recursive=True)
        for one in family:
            one.suspend()
        try:
            yield
        finally:
            for one in reversed(family):
                if one.is_running():
                    one.resume()

    def is_asked(self, words: str) -> bool:
        """Return whether a statement with such words runs there."""
        running = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE %s"
        with self._connected() as connection:
            row = connection.execute(f"{running} AND pid <> pg_backend_pid()", [f"%{words}%"])
            return bool((row.fetchone() or [0])[0])

    def hurry(self) -> None:
        """Have it cancel at once whatever stands in the way of replaying."""
        self._ask("ALTER SYSTEM SET max_standby_streaming_delay = 0")
        self._ask("SELECT pg_reload_conf()")

    def kill(self) -> None:
        """Kill it as a power cut would; ``start`` starts it again."""
        assert self._process is not None
        process = psutil.Process(self._process.pid)
        for one in [process, *process.children(recursive=True)]:
            if one.is_running():
                one.send_signal(signal.SIGKILL)
        self._process.wait()
        self.stop()

    def _make(self, data: Path) -> None:
        # Without it the copy would follow a primary that is elsewhere after its restart.
        parts = make_url(self.primary.base)
        source = f"host={parts.query['host']} port={parts.query['port']} user=postgres"
        new = data.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        command = [*self._prefix, str(self.binaries / "pg_basebackup"), "-D", str(new)]
        command += ["-d", source, "-R", "-X", "stream", "-c", "fast", "--no-sync"]
        made = subprocess.run(command, capture_output=True, text=True, **self._options)
        if made.returncode:
            raise EmbeddedServerError(f"no base backup: {made.stderr.strip()[-600:]}")
        new.rename(data)

    def _ask(self, statement: str) -> None:
        with self._connected() as connection:
            connection.execute(statement)

    def _connected(self) -> psycopg.Connection:
        return psycopg.connect(self.base.replace("+psycopg", ""), autocommit=True)
