"""A real S3 server for tests, from a wheel: SeaweedFS, which enforces policies and signatures.

moto does not: it takes any form and any link, however old, forged or changed.
"""

import contextlib
import json
import secrets
import shutil
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from bookstore.gateways.embedded_redis import spawn

BUCKET = "shop-covers"
REGION = "us-east-1"
_SERVERS = ("master", "volume", "filer", "s3")


def program() -> Path | None:
    """Return the server's program, None where there is no wheel of it."""
    ours = Path(sys.executable).with_name("weed")
    found = str(ours) if ours.exists() else shutil.which("weed")
    return Path(found) if found else None


class Seaweed:
    """A server with one empty bucket, for one user; a context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.user, self.password = "shop", secrets.token_hex(16)

    @property
    def environ(self) -> dict[str, str]:
        """Credentials, as boto3 looks for them; and no others."""
        return {
            "AWS_ACCESS_KEY_ID": self.user,
            "AWS_SECRET_ACCESS_KEY": self.password,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @property
    def settings(self) -> dict[str, str]:
        """What the shop is told."""
        return {"s3_bucket": BUCKET, "s3_endpoint_url": self.url}

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True)
        user = {
            "name": self.user,
            "credentials": [{"accessKey": self.user, "secretKey": self.password}],
            "actions": ["Admin", "Read", "Write", "List"],
        }
        users = self.folder / "s3.json"
        users.write_text(json.dumps({"identities": [user]}))
        # Somebody may take a port before the server does; then it ends, and another try is due.
        for _ in range(3):
            self._start(users)
            if self._wait():
                return self
            self.__exit__()
        raise RuntimeError(f"SeaweedFS does not start: {self._log.read_text()[-2000:]}")

    def __exit__(self, *_: object) -> None:
        # Its orderly end takes ten seconds.
        self.process.kill()
        self.process.wait()

    def client(self) -> Any:
        """Return a client of boto3's own."""
        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=self.user,
            aws_secret_access_key=self.password,
            config=Config(
                connect_timeout=1,
                read_timeout=5,
                retries={"total_max_attempts": 1},
                s3={"addressing_style": "path"},
            ),
        )

    def _start(self, users: Path) -> None:
        ports = iter(_free_ports(2 * len(_SERVERS)))
        listen = []
        for name in _SERVERS:
            port = next(ports)
            listen += [f"-{name}.port={port}", f"-{name}.port.grpc={next(ports)}"]
            self.url = f"http://127.0.0.1:{port}"  # of the last one, S3
        self._log = self.folder / "weed.log"
        with self._log.open("wb") as out:
            self.process = spawn(
                [
                    str(program()),
                    "server",
                    f"-dir={self.folder}",
                    "-ip=127.0.0.1",
                    "-ip.bind=127.0.0.1",
                    # On unless it is told otherwise.
                    "-master.telemetry=false",
                    "-filer",
                    "-s3",
                    *listen,
                    "-s3.port.iceberg=0",
                    "-s3.port.lance=0",
                    f"-s3.config={users}",
                    "-s3.iam=false",
                    "-master.volumeSizeLimitMB=64",
                    "-volume.max=20",
                ],
                signal.SIGKILL,
                cwd=self.folder,
                env={"HOME": str(self.folder), "PATH": ""},
                stdout=out,
                stderr=out,
            )

    def _wait(self) -> bool:
        client = self.client()
        deadline = time.monotonic() + 40
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                with contextlib.suppress(client.exceptions.BucketAlreadyOwnedByYou):
                    client.create_bucket(Bucket=BUCKET)
                # The bucket is there before the volumes that its objects go to.
                client.put_object(Bucket=BUCKET, Key="probe", Body=b"x")
                client.delete_object(Bucket=BUCKET, Key="probe")
                return True
            except (BotoCoreError, ClientError):
                pass
            time.sleep(0.05)
        return False


def _free_ports(count: int) -> list[int]:
    # Below those that the kernel hands out; held together, so that no two are the same.
    held: list[socket.socket] = []
    try:
        while len(held) < count:
            probe = socket.socket()
            try:
                probe.bind(("127.0.0.1", 15000 + secrets.randbelow(17000)))
            except OSError:
                probe.close()
            else:
                held.append(probe)
        return [probe.getsockname()[1] for probe in held]
    finally:
        for probe in held:
            probe.close()
