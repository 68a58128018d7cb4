"""Clients that do not read, or do not stop talking: what breaks flask-sock alone, and the cure.

Each test names the failure of the stock library (simple-websocket 1.1, flask-sock 0.7).
"""

import json
import socket
from contextlib import ExitStack
from typing import Any

import psutil
import pytest
from websockets.exceptions import ConnectionClosed

from bookstore.gateways import pubsub
from bookstore.gateways.pubsub import Update
from tests.clients import wait_until
from tests.sockets.following import Followed, closed, read


def flood(alone: Followed, count: int, size: int, first: int = 10) -> None:
    """Publish so many updates of the order, each of about that size."""
    filler = "x" * size
    with alone.shop.app_context():
        for start in range(first, first + count, 50):
            pubsub.publish(
                [
                    Update("order", alone.order_id, number, message(number, filler))
                    for number in range(start, min(start + 50, first + count))
                ]
            )


def message(number: int, filler: str) -> bytes:
    """Return an update as big as is wanted."""
    return json.dumps({"type": "order_update", "n": number, "filler": filler}).encode()


def narrow(alone: Followed) -> socket.socket:
    """Return a socket that takes in little, connected, before it has said anything."""
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.connect(("127.0.0.1", alone.live.port))
    return line


def numbers(client: Any, size: int, until: int) -> list[int]:
    """Read whole messages until that one; return their numbers."""
    found: list[int] = []
    while not found or found[-1] != until:
        got = read(client)
        assert len(got["filler"]) == size
        found.append(got["n"])
    return found


def test_eight_megabytes_to_a_slow_reader_are_whole_messages_or_none(alone: Followed) -> None:
    """Stock: ``sock.send`` takes a part, and the rest of the message is lost (gevent).

    Cure: what the kernel does not take is kept and sent later, up to 512 KiB a socket.
    """
    with (
        alone.socket(sock=narrow(alone), max_queue=1) as slow,
        alone.socket() as healthy,
    ):
        first = [read(client)["type"] for client in (slow, healthy)]
        assert first == ["order_snapshot"] * 2
        for start in range(10, 90, 4):
            # 400 kB, so that a client of a busy machine is not too slow itself.
            flood(alone, 4, 100_000, start)
            assert numbers(healthy, 100_000, start + 3) == list(range(start, start + 4))
        got = []
        with pytest.raises(ConnectionClosed) as ended:
            while True:
                message = json.loads(slow.recv(timeout=30))  # none is cut
                assert len(message["filler"]) == 100_000
                got.append(message["n"])
        assert ended.value.rcvd is not None
        assert ended.value.rcvd.code == 1013
        assert got == list(range(10, 10 + len(got)))
        assert len(got) < 80
    # Who comes back has the state, not what it missed.
    with alone.socket() as again:
        assert read(again)["order"]["version"] == 1


def test_a_backlog_below_the_limit_arrives_whole(alone: Followed) -> None:
    """The same failure, where the client is only late."""
    with alone.socket(sock=narrow(alone), max_queue=1) as slow, alone.socket() as healthy:
        read(slow), read(healthy)
        flood(alone, 40, 10_000)
        assert numbers(healthy, 10_000, 49) == list(range(10, 50))
        # All 400 kB are out of the healthy one's way by now; the slow one reads only now.
        assert numbers(slow, 10_000, 49) == list(range(10, 50))


def test_five_hundred_quick_updates_arrive_at_one_socket(alone: Followed) -> None:
    """The tutorial's delivered 307 of them."""
    with alone.socket() as client:
        read(client)
        flood(alone, 500, 200)
        assert numbers(client, 200, 509) == list(range(10, 510))


def test_one_that_never_reads_holds_up_nobody(alone: Followed) -> None:
    """Stock: a blocked ``send`` in the loop over all sockets stops everybody, for ever.

    Cure: no send waits; the one that does not read is cut off.
    """
    rounds = 5
    with ExitStack() as stack:
        healthy = [stack.enter_context(alone.socket()) for _ in range(10)]
        dead = stack.enter_context(alone.socket(sock=narrow(alone), max_queue=1))
        for client in healthy:
            read(client)
        for start in range(0, 100 * rounds, 100):
            # 400 kB, as above.
            flood(alone, 100, 4000, 10 + start)
            for client in healthy:
                found = numbers(client, 4000, 109 + start)
                assert found == list(range(10 + start, 110 + start))
        # Told so if it reads again in time; else just gone.
        assert closed(dead) in {1006, 1013}


def test_a_flood_is_bounded(alone: Followed) -> None:
    """Stock: a thread reads all that comes into a list without end (194 MB in an experiment).

    Cure: the hub reads a little at a time, keeps nothing, and ends who talks too much.
    """
    [worker] = psutil.Process(alone.live.process.pid).children()
    before = worker.memory_info().rss
    codes = []
    for _ in range(3):
        with alone.socket() as client:
            read(client)
            try:
                for _ in range(3000):
                    client.send("x" * 8000)
            except ConnectionClosed:
                pass
            codes.append(closed(client))
    assert codes == [1008] * 3
    assert worker.memory_info().rss - before < 16 * 2**20
    with alone.socket() as client:
        read(client)
        # One after the other is no flood.
        for _ in range(10):
            client.send(json.dumps({"type": "sync", "versions": {str(alone.order_id): 0}}))
            assert read(client)["update"]["version"] == 1


def test_sockets_are_let_go(alone: Followed) -> None:
    """Descriptors and places come back, however a client goes."""
    [worker] = psutil.Process(alone.live.process.pid).children()
    before = worker.num_fds()
    for _ in range(5):
        with alone.socket() as polite:
            read(polite)
        rude = alone.socket().__enter__()
        read(rude)
        rude.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        rude.socket.close()
    wait_until(lambda: worker.num_fds() <= before + 5)
