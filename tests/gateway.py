"""A real nginx with the shop's own configuration, before the shop's parts as real processes."""

import os
import re
import signal
import socket
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import requests

from bookstore.config import Settings
from bookstore.config.parts import PARTS
from bookstore.gateways.embedded_redis import spawn
from tests.clients import ROOT, LiveShop, OverHttp, _free_port, wait_until
from tests.debian import find_program

TEMPLATE = ROOT / "deploy/gateway/nginx.conf.template"


def find_nginx() -> str | None:
    """Return an nginx: that on PATH, else Debian's package, unpacked."""
    return find_program("nginx", "nginx", "-v")


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on, each another."""
    held: list[socket.socket] = []
    try:
        for _ in range(count):
            held.append(socket.create_server(("127.0.0.1", _free_port())))
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()


class Gateway(OverHttp):
    """nginx before three addresses; a context manager."""

    def __init__(
        self, nginx: str, folder: Path, port: int, upstreams: dict[str, int], rate: str
    ) -> None:
        self.nginx, self.folder, self.port = nginx, folder, port
        # Started by root, its workers are nobody, who may not look into pytest's folders.
        self._open = tempfile.TemporaryDirectory(prefix="bookstore-gateway-")
        Path(self._open.name).chmod(0o755)
        values = {
            "GATEWAY_LISTEN": f"127.0.0.1:{self.port}",
            "GATEWAY_TMP": self._open.name,
            "GATEWAY_SCHEME": "$scheme",
            "GATEWAY_RATE": rate,
            "GATEWAY_LOGIN_RATE": rate,
            **{f"{part.upper()}_UPSTREAM": f"127.0.0.1:{port}" for part, port in upstreams.items()},
        }
        text = re.sub(r"\$\{(\w+)\}", lambda match: values[match[1]], TEMPLATE.read_text())
        self.configuration = folder / "nginx.conf"
        self.configuration.write_text(text.replace("/dev/stdout", str(folder / "access.log")))

    @property
    def url(self) -> str:  # type: ignore[override]
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """Its access log so far."""
        return (self.folder / "access.log").read_text()

    def __enter__(self) -> Self:
        self._errors = (self.folder / "error.log").open("w")
        self._process = spawn(
            [
                *(self.nginx, "-p", str(self.folder), "-c", str(self.configuration)),
                *("-e", "stderr", "-g", "daemon off;"),
            ],
            signal.SIGTERM,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"]},
            stdout=self._errors,
            stderr=self._errors,
        )
        try:
            wait_until(lambda: self._answers() or self._process.poll() is not None)
            assert self._process.poll() is None, (self.folder / "error.log").read_text()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(timeout=20)
        self._errors.close()
        self._open.cleanup()

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/gateway/healthz", timeout=1).ok
        except requests.RequestException:
            return False


class Apart:
    """The shop's three parts as processes of their own behind the gateway; a context manager."""

    TOKEN = "a service token that is long enough to be one"

    def __init__(self, settings: Settings, nginx: str, folder: Path, rate: str = "1000r/s") -> None:
        port, *ports = free_ports(4)
        upstreams = dict(zip(PARTS, ports, strict=True))
        common = replace(
            settings,
            service_token=self.TOKEN,
            trusted_proxies=1,
            public_url=f"http://127.0.0.1:{port}",
            **{
                name: f"http://127.0.0.1:{port}"
                for name, port in zip(
                    ("catalog_service_url", "order_service_url", "user_service_url"),
                    upstreams.values(),
                    strict=True,
                )
            },
        )
        self.settings = common
        self.parts = {part: LiveShop(replace(common, bookstore_services=part)) for part in PARTS}
        for part, shop in self.parts.items():
            shop.port = upstreams[part]
        self.gateway = Gateway(nginx, folder, port, upstreams, rate)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for shop in self.parts.values():
                stack.enter_context(shop)
            stack.enter_context(self.gateway)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        """Send one request to the gateway."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"{self.gateway.url}{path}"
        return requests.request(method, url, json=body, headers=sent, timeout=60)
