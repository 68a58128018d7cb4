"""Redis as shops outgrow one: a master with a replica and Sentinels, and a cluster. Real processes.

Each is a context manager with the ``url`` of a shop on it, and has a password.
"""

import contextlib
import os
import signal
import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import redis
from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.retry import Retry

from bookstore.gateways.embedded_redis import find_server, spawn
from tests.clients import wait_until

PASSWORD = "a-secret-of-redis"  # pragma: allowlist secret
HOST = "127.0.0.1"
SLOTS = 16384
# So long a server may be silent before the others take its place.
SILENT_MS = 2000


def free_ports(count: int) -> list[int]:
    """Return ports that nobody has, in a part that no other worker of this test run looks at."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 4
    start, found = 10_000 + 2_400 * worker, list[int]()
    for port in range(start + os.getpid() % 1800, start + 2_400):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, port))
            found.append(port)
        if len(found) == count:
            return found
    raise RuntimeError("no free port")


class Server:
    """One process; ``options`` are its configuration."""

    def __init__(self, folder: Path, port: int, *flags: str, **options: str) -> None:
        self.folder, self.port, self.flags = folder, port, flags
        folder.mkdir(parents=True)
        # A file of its own: Sentinels and nodes of a cluster write there what they learn.
        self.file = folder / "redis.conf"
        options = {"port": str(port), "bind": HOST, "dir": str(folder), "save": '""'} | options
        lines = [f"{name.replace('_', '-')} {value}" for name, value in options.items()]
        self.file.write_text("\n".join(lines) + "\n")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return once it answers."""
        with (self.folder / "log").open("ab") as log:
            self.process = spawn(
                [str(find_server()), str(self.file), *self.flags],
                signal.SIGKILL,
                env={"LC_ALL": "C", "PATH": os.defpath},
                stdout=log,
                stderr=log,
            )
        wait_until(self.answers)

    def answers(self) -> bool:
        """Whether it does."""
        with contextlib.suppress(redis.RedisError):
            return bool(self.ask("PING"))
        return False

    def ask(self, *command: str | int) -> Any:
        """Send it one command."""
        options: dict[str, Any] = {"password": PASSWORD, "retry": Retry(NoBackoff(), 0)}
        with redis.Redis(HOST, self.port, socket_timeout=5, **options) as client:
            return client.execute_command(*command)

    def kill(self) -> None:
        """Kill it, as the kernel would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=20)


class _Several:
    """Servers that stop together."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.stack = folder, ExitStack()
        self.servers: list[Server] = []

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def start(self) -> None:
        """Start them."""
        raise NotImplementedError

    def one(self, name: str, port: int, *flags: str, **options: str) -> Server:
        """Start one of them."""
        with_password = {"requirepass": PASSWORD}
        if "--sentinel" not in flags:
            with_password |= {"masterauth": PASSWORD, "repl_diskless_sync_delay": "0"}
        server = Server(self.folder / name, port, *flags, **with_password, **options)
        self.stack.callback(server.kill)
        server.start()
        self.servers.append(server)
        return server


class Sentinels(_Several):
    """A master, its replica, and three Sentinels of which two have to agree."""

    kind = "sentinel"

    def start(self) -> None:
        """Start them, and return once all know each other."""
        first, second, *watching = free_ports(5)
        self.one("first", first)
        self.one("second", second, replicaof=f"{HOST} {first}")
        name, lines = "shop", {}
        lines["sentinel monitor"] = f"{name} {HOST} {first} 2"
        lines["sentinel auth-pass"] = f"{name} {PASSWORD}"
        lines["sentinel down-after-milliseconds"] = f"{name} {SILENT_MS}"
        lines["sentinel failover-timeout"] = f"{name} 6000"
        lines["sentinel sentinel-pass"] = PASSWORD
        self.watchers = [
            self.one(f"sentinel-{port}", port, "--sentinel", **lines) for port in watching
        ]
        hosts = ",".join(f"{HOST}:{port}" for port in watching)
        self.url = f"redis+sentinel://:{PASSWORD}@{hosts}/{name}?sentinel_password={PASSWORD}"
        wait_until(self._agreed)

    def _agreed(self) -> bool:
        for watcher in self.watchers:
            words = watcher.ask("SENTINEL", "MASTER", "shop")
            known = {name.decode(): value.decode() for name, value in _pairs(words)}
            if (known["num-other-sentinels"], known["num-slaves"]) != ("2", "1"):
                return False
        return True

    def master(self) -> Server:
        """Return the server that the Sentinels hold for the master."""
        _, port = self.watchers[0].ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "shop")
        return next(server for server in self.servers if server.port == int(port))

    def owner(self, _key: str) -> Server:
        """Return the server that has a key."""
        return self.master()


class Cluster(_Several):
    """Three masters, and as many replicas of each as are asked for."""

    kind = "cluster"

    def __init__(self, folder: Path, replicas: int = 0) -> None:
        super().__init__(folder)
        self.replicas = replicas

    def start(self) -> None:
        """Start them, and return once all agree who has which slots."""
        count = 3 * (1 + self.replicas)
        ports = free_ports(2 * count)
        for port, bus in zip(ports[::2], ports[1::2], strict=True):
            self.one(
                str(port),
                port,
                cluster_enabled="yes",
                cluster_port=str(bus),
                cluster_node_timeout=str(SILENT_MS),
                cluster_replica_validity_factor="0",
                cluster_config_file="nodes.conf",
            )
        masters, others = self.servers[:3], self.servers[3:]
        edges = [SLOTS * number // 3 for number in range(4)]
        for number, server in enumerate(masters):
            server.ask("CLUSTER", "ADDSLOTSRANGE", edges[number], edges[number + 1] - 1)
            server.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for port, bus in zip(ports[2::2], ports[3::2], strict=True):
            masters[0].ask("CLUSTER", "MEET", HOST, port, bus)
        wait_until(lambda: all(self._knows(server, count) for server in self.servers))
        for number, server in enumerate(others):
            server.ask("CLUSTER", "REPLICATE", masters[number % 3].ask("CLUSTER", "MYID").decode())
        wait_until(lambda: all(_is_linked(server) for server in others))
        hosts = ",".join(f"{HOST}:{server.port}" for server in masters)
        self.url = f"redis+cluster://:{PASSWORD}@{hosts}"

    @staticmethod
    def _knows(server: Server, count: int) -> bool:
        told = server.ask("CLUSTER", "INFO")
        told = told if isinstance(told, dict) else dict(_lines(told))
        return (told["cluster_state"], told["cluster_known_nodes"]) == ("ok", str(count))

    def owner(self, key: str) -> Server:
        """Return the server that has a key."""
        slot = key_slot(key.encode())
        for server in self.servers:
            if not server.answers():
                continue
            for first, last, node, *_ in server.ask("CLUSTER", "SLOTS"):
                if first <= slot <= last:
                    return next(one for one in self.servers if one.port == int(node[1]))
        raise RuntimeError("nobody has it")

    def replica_of(self, master: Server) -> Server:
        """Return a replica of a master."""
        for server in self.servers:
            role = server.ask("ROLE")
            if role[0] == b"slave" and int(role[2]) == master.port:
                return server
        raise RuntimeError("it has none")


def _is_linked(server: Server) -> bool:
    return b"master_link_status:up" in _raw(server.ask("INFO", "replication"))


def _raw(told: Any) -> bytes:
    if isinstance(told, dict):
        return "\n".join(f"{name}:{value}" for name, value in told.items()).encode()
    return bytes(told)


def _lines(told: bytes | str) -> list[list[str]]:
    text = told.decode() if isinstance(told, bytes) else told
    return [line.split(":", 1) for line in text.split("\r\n") if ":" in line]


def _pairs(words: Any) -> list[tuple[bytes, bytes]]:
    if isinstance(words, dict):
        return [(_bytes(n), _bytes(v)) for n, v in words.items()]
    return list(zip(words[::2], words[1::2], strict=True))


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


Place = Sentinels | Cluster
