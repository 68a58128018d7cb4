"""How tests talk to the shop: over WSGI in this process, or over HTTP to real processes."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, Self

import psutil
import requests
from flask import Flask
from sqlalchemy import event
from werkzeug.test import TestResponse

from bookstore.config import Settings
from bookstore.extensions import db
from bookstore.gateways.embedded_redis import spawn

ROOT = Path(__file__).parent.parent
# Everything else lies under the API's newest version.
ROOTED = ("/api", "/graphql", "/healthz", "/readyz", "/metrics", "/problems")
ADDRESS = {
    "name": "Ann Reader",
    "line1": "1 High Street",
    "city": "York",
    "postal_code": "YO1 7HH",
    "country": "GB",
}


class Client:
    """A REST client of the app in this process; ``as_user`` gives one that is logged in."""

    def __init__(self, app: Flask, headers: dict[str, str] | None = None) -> None:
        self.app, self.headers = app, headers or {}
        self.http = app.test_client()

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        """Send JSON (or nothing) and return the answer."""
        sent = {**self.headers, **{k.replace("_", "-"): v for k, v in headers.items()}}
        options: dict[str, Any] = {}
        if isinstance(body, bytes | str):
            options["data"] = body
        elif body is not None:
            options["data"] = json.dumps(body)
            sent.setdefault("Content-Type", "application/json")
        prefix = "" if path.startswith(ROOTED) else "/api/v2"
        return self.http.open(f"{prefix}{path}", method=method, headers=sent, **options)

    def get(self, path: str, **headers: str) -> TestResponse:
        """GET."""
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> TestResponse:
        """POST."""
        return self.call("POST", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> TestResponse:
        """PATCH."""
        return self.call("PATCH", path, body, **headers)

    def put(self, path: str, body: Any = None, **headers: str) -> TestResponse:
        """PUT."""
        return self.call("PUT", path, body, **headers)

    def delete(self, path: str, **headers: str) -> TestResponse:
        """DELETE."""
        return self.call("DELETE", path, **headers)

    def with_token(self, access: str) -> "Client":
        """Return a client that sends this access token."""
        return Client(self.app, {"Authorization": f"Bearer {access}"})


def problem(answer: TestResponse, status: int, code: str) -> dict[str, Any]:
    """Assert that an answer is that problem and return its body."""
    body = answer.get_json(force=True, silent=True)
    assert answer.status_code == status, (answer.status_code, body)
    assert answer.content_type == "application/problem+json"
    assert body["code"] == code, body
    assert body["status"] == status
    assert body["request_id"] == answer.headers["X-Request-ID"]
    return dict(body)


def ok(answer: TestResponse, status: int = 200) -> Any:
    """Assert a status and return the JSON body."""
    assert answer.status_code == status, (answer.status_code, answer.get_data(as_text=True))
    return answer.get_json() if answer.data else None


@contextmanager
def statements(app: Flask) -> Iterator[list[str]]:
    """Collect the SQL statements that run inside (not BEGIN, COMMIT and the like)."""
    found: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        word = statement.lstrip().split(None, 1)[0].upper()
        if word not in {"BEGIN", "COMMIT", "ROLLBACK", "PRAGMA", "SAVEPOINT", "RELEASE"}:
            found.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)


class OverHttp:
    """What is asked over HTTP; ``url`` says where."""

    url: str

    def call(
        self, method: str, path: str, body: Any = None, token: str | None = None, **headers: str
    ) -> requests.Response:
        """Send one request on a connection of its own."""
        sent = {k.replace("_", "-"): v for k, v in headers.items()}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        return requests.request(
            method, f"{self.url}/api/v2{path}", json=body, headers=sent, timeout=60
        )

    def register(self, name: str) -> str:
        """Make a user and return an access token."""
        password = "a password for tests"
        account = {"username": name, "email": f"{name}@example.com", "password": password}
        assert self.call("POST", "/auth/register", account).status_code == 201
        answer = self.call("POST", "/auth/token", {"username": name, "password": password})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access"])


class LiveShop(OverHttp):
    """The shop as gunicorn runs it: a master and several worker processes."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.port = 0
        self.log = tempfile.NamedTemporaryFile(  # noqa: SIM115
            "ab", prefix="live-", suffix=".log", delete=False
        )

    def __enter__(self) -> Self:
        for attempt in range(5):
            # Where it was before, at first: clients come back to the address they know.
            if attempt or not self.port:
                self.port = _free_port()
            self.process = self._start()
            if self._wait():
                return self
        raise RuntimeError(f"the shop does not start: {Path(self.log.name).read_text()[-3000:]}")

    def __exit__(self, *_: object) -> None:
        # A test that cares how it ends stops it itself: an orderly end takes 2 s of CPU.
        if self.process.poll() is None:
            self.kill()
        self.log.close()
        Path(self.log.name).unlink()

    @property
    def url(self) -> str:  # type: ignore[override]
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it again after ``stop`` or ``kill`` (where it was, unless that is taken)."""
        self.__enter__()

    def forget_log(self) -> None:
        """Have the log begin anew; what runs appends to it."""
        os.truncate(self.log.name, 0)

    def kill(self) -> None:
        """Kill the master and all workers at once, as the kernel or an operator would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=40)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Stop it and return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(timeout=40)

    def _start(self) -> "subprocess.Popen[bytes]":
        environ = {k: v for k, v in os.environ.items() if k.startswith(("PATH", "HOME", "COV"))}
        for item in fields(self.settings):
            value = getattr(self.settings, item.name)
            if value is not None:
                environ[item.name.upper()] = str(value)
        environ |= {"PORT": str(self.port)}
        command = [sys.executable, "-m", "gunicorn", "-c", str(ROOT / "gunicorn.conf.py")]
        return spawn(
            [*command, "wsgi:app"],
            signal.SIGTERM,
            cwd=ROOT,
            env=environ,
            stdout=self.log,
            stderr=self.log,
        )

    def _wait(self) -> bool:
        deadline = time.monotonic() + 30
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                if self._listens() and requests.get(f"{self.url}/healthz", timeout=1).ok:
                    return True
            except (requests.RequestException, psutil.NoSuchProcess):
                pass
            time.sleep(0.05)
        return False

    def _listens(self) -> bool:
        # Somebody else may have taken the port first, and would answer just as well.
        found = psutil.Process(self.process.pid).net_connections("tcp")
        listening = {one.laddr.port for one in found if one.status == psutil.CONN_LISTEN}
        return self.port in listening


def at_once(jobs: list[Callable[[], Any]], threads: int = 50) -> list[Any]:
    """Run all jobs in parallel and return their results in order."""
    with ThreadPoolExecutor(min(threads, len(jobs))) as pool:
        return [future.result() for future in [pool.submit(job) for job in jobs]]


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Return once the condition holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def _free_port() -> int:
    # Below the ephemeral range, which the kernel gives away to anybody; and in a part of it that
    # the other workers of this test run leave alone.
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 4
    start = 20000 + 3000 * worker
    for port in range(start + os.getpid() % 2000, start + 3000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")
