"""The shop as a container has it: nothing to write to but /tmp and the data folder, and not root.

Each process has a mount namespace of its own, as each pod has: the whole file system read-only, a
new /tmp, a new data folder, uid 10001 without capabilities. Commands and settings are those of the
Kubernetes manifests.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from bookstore.gateways.embedded_redis import find_server, spawn
from tests.clients import wait_until
from tests.conftest import SECRET
from tests.kubernetes.conftest import Objects, of_kind, rendered, shop_pods
from tests.servers import PostgresServer, _free_port

__all__ = ["rendered"]

pytestmark = pytest.mark.faults

ROOT = Path(__file__).parents[2]
TOKEN = "only ever read by this test"
# What is under /tmp stays to be seen (a checkout there). To read root's folders, where the
# interpreter may be, it may: that one capability lets nobody write.
INSIDE = """
set -e
mount --make-rprivate /
for kept in "$ROOT" "$PREFIX" "$BASE" /; do
    mount --bind "$kept" "$kept"
    mount -o remount,bind,ro "$kept"
done
mount -t tmpfs -o mode=1777 tmp /mnt
for kept in "$ROOT" "$PREFIX" "$BASE"; do
    case "$kept" in /tmp/*)
        mkdir -p "/mnt/${kept#/tmp/}"
        mount --rbind "$kept" "/mnt/${kept#/tmp/}";;
    esac
done
mount -n --move /mnt /tmp
mount -t tmpfs home /var/lib
mkdir -m 700 /var/lib/bookstore
chown 10001:10001 /var/lib/bookstore
cd "$ROOT"
if touch written 2>/dev/null || touch /written 2>/dev/null; then exit 99; fi
exec setpriv --reuid 10001 --regid 10001 --clear-groups --no-new-privs \
    --bounding-set=-all,+dac_read_search --inh-caps=-all,+dac_read_search \
    --ambient-caps=-all,+dac_read_search -- "$@"
"""


@pytest.fixture
def pods(rendered: Callable[[str], Objects], tmp_path: Path) -> Iterator["Pods"]:
    if os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("setpriv"):
        pytest.skip("only root makes a file system read-only for others")
    if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mount namespaces here")
    with ExitStack() as stack:
        database = PostgresServer(tmp_path / "postgres", tcp=True)
        stack.callback(database.stop)
        database.start()
        database.create_database("shop")
        redis_port = _free_port()
        redis = [str(find_server()), "--port", str(redis_port), "--save", "", "--dir", tmp_path]
        stack.enter_context(running(redis, {}, tmp_path / "redis.log"))
        yield Pods(
            rendered("production"),
            tmp_path,
            DATABASE_URL=database.url("shop"),
            REDIS_URL=f"redis://127.0.0.1:{redis_port}/0",
        )


@contextmanager
def running(
    command: list[Any], environ: dict[str, str], log: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    with log.open("wb") as out:
        process: subprocess.Popen[bytes] = spawn(
            command, signal.SIGTERM, stdout=out, stderr=out, env={**os.environ, **environ}
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


class Pods:
    """Runs containers of the manifests, each with what they have."""

    def __init__(self, objects: Objects, folder: Path, **stores: str) -> None:
        self.folder, self.port, self.metrics_port = folder, _free_port(), _free_port()
        self.templates = shop_pods(objects)
        (settings,) = of_kind(objects, "ConfigMap")
        self.environ = {
            **settings["data"],
            **stores,
            # Nobody is outside, and two machines are one here.
            "S3_BUCKET": "",
            "CDN_BASE_URL": "",
            "SECRET_KEY": SECRET,
            "METRICS_TOKEN": TOKEN,
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "WORKER_METRICS_PORT": str(self.metrics_port),
            "PUBLIC_URL": f"http://127.0.0.1:{self.port}",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "ROOT": str(ROOT),
            "PREFIX": sys.prefix,
            "BASE": sys.base_prefix,
        }

    def command(self, name: str, kind: str = "containers") -> list[str]:
        (container,) = self.templates[name]["spec"][kind]
        return ["unshare", "-m", "sh", "-c", INSIDE, "sh", *container["args"]]

    def run(self, name: str, kind: str = "containers") -> "subprocess.CompletedProcess[str]":
        """Run one that ends."""
        return subprocess.run(
            self.command(name, kind),
            env={**os.environ, **self.environ},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    @contextmanager
    def pod(self, name: str) -> Iterator["subprocess.Popen[bytes]"]:
        """Run one that serves; at the end it has to go by itself, in time."""
        log = self.folder / f"{name}.log"
        with running(self.command(name), self.environ, log) as process:
            yield process
            process.send_signal(signal.SIGTERM)
            grace = self.templates[name]["spec"]["terminationGracePeriodSeconds"]
            assert process.wait(grace) == 0, log.read_text()
        assert "Traceback" not in log.read_text()
        assert "Read-only" not in log.read_text()

    def get(self, path: str) -> requests.Response:
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        return requests.get(f"http://127.0.0.1:{self.port}{path}", headers=bearer, timeout=5)

    def ready(self) -> Any:
        try:
            return self.get("/readyz").json()["status"]
        except requests.RequestException:
            return None


def test_nothing_is_written_but_to_tmp_and_the_data_folder(pods: Pods) -> None:
    done = pods.run("migrate")
    assert done.returncode == 0, done.stdout + done.stderr
    done = pods.run("worker", "initContainers")
    assert (done.returncode, done.stdout) == (0, "ready\n"), done.stderr
    with pods.pod("web"), pods.pod("worker"), pods.pod("scheduler"):
        wait_until(lambda: pods.ready() == "ok", 90)
        account = {"username": "reader", "email": "r@example.com", "password": "a long password 1"}
        url = f"http://127.0.0.1:{pods.port}/api/v2/auth/register"
        assert requests.post(url, json=account, timeout=20).status_code == 201
        # The mail that greets them is written by the worker, into its own data folder.
        sent = 'bookstore_outgoing_outcomes_total{channel="email",outcome="succeeded"} 1.0'
        wait_until(lambda: sent in pods.get("/metrics").text)
        assert "bookstore_http_responses_total" in pods.get("/metrics").text
        figures = requests.get(
            f"http://127.0.0.1:{pods.metrics_port}/metrics",
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=5,
        )
        assert 'role="outgoing"' in figures.text or 'role="scheduler"' in figures.text
