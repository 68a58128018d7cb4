"""The hub by itself, at the other end of real sockets: who is cut off, and what if it falls."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from bookstore.gateways.hub import Connection, Hub, Topic, frames
from bookstore.gateways.hub.connection import Kind
from bookstore.gateways.pubsub import Update
from tests.clients import wait_until

PONG = b"\x8a\x80\0\0\0\0"


class Clock:
    """Seconds that pass when a test says so, and else as fast as ever."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


class Bench:
    """A hub and its clients."""

    def __init__(self, stack: ExitStack) -> None:
        self.stack, self.clock, self.gone = stack, Clock(), list[Connection]()
        self.hub = Hub(on_sync=lambda _: None, on_closed=self.gone.append, now=self.clock)
        self.hub.start()

    def follower(self, kind: Kind = "websocket", topic: Topic = ("order", 1)) -> Connection:
        """Return one that is in the index, and not open."""
        connection = Connection(
            kind,
            topic,
            user_id=1,
            session_id="s",
            staff=False,
            expires=self.clock() + 3600,
            member="m",
            path="/",
            request_id="r",
        )
        self.hub.follow(connection)
        return connection

    def client(
        self, kind: Kind = "websocket", topic: Topic = ("order", 1)
    ) -> tuple[Connection, socket.socket]:
        """Return one that is open, with its client's end."""
        connection = self.follower(kind, topic)
        ours, theirs = socket.socketpair()
        self.stack.enter_context(theirs)
        ours.setblocking(False)
        theirs.settimeout(20)
        self.hub.open(connection, ours, b"hello", b"")
        assert theirs.recv(5) == b"hello"
        return connection, theirs

    def pass_time(self, seconds: float) -> None:
        """Let the hub believe that so much time has passed."""
        self.clock.ahead += seconds
        self.hub.publish([Update("order", 404, 1, b"{}")])  # it looks at the clock when woken


@pytest.fixture
def bench() -> Iterator[Bench]:
    with ExitStack() as stack:
        made = Bench(stack)
        yield made
        made.hub.stop()
        stack.close()  # nobody lingers
        made.hub.join(20)
        assert not made.hub._thread.is_alive()


def all_of(client: socket.socket) -> bytes:
    """Return what comes until the end."""
    got = b""
    while piece := client.recv(65536):
        got += piece
    return got


def until(client: socket.socket, ending: bytes) -> bytes:
    """Return what comes, up to that."""
    got = b""
    while not got.endswith(ending):
        piece = client.recv(65536)
        assert piece, got
        got += piece
    return got


def test_who_is_silent_for_a_minute_is_cut_off(bench: Bench) -> None:
    mute, mutes = bench.client()
    alive, lives = bench.client()
    stream, streams = bench.client("events")
    for _ in range(2):
        bench.pass_time(25)
        for client in (mutes, lives):
            until(client, frames.PING_FRAME)
        lives.sendall(PONG)
        wait_until(lambda: alive.heard > bench.clock() - 20)
    bench.pass_time(25)
    all_of(mutes)
    wait_until(lambda: bench.gone == [mute])
    assert bench.hub.counts["dead"] == 1
    # One that answers stays; and a stream's client has no way to say anything.
    assert set(bench.hub.connections()) == {alive, stream}
    bench.hub.publish([Update("order", 1, 5, b"news")])
    until(lives, b"news")
    assert frames.COMMENT in until(streams, b"data: news\n\n")


def test_a_socket_that_cannot_be_watched_ends_alone(bench: Bench) -> None:
    """As when the kernel's table of watches is full: it cannot be taken back either."""
    _, theirs = bench.client()
    broken, gone = bench.follower(), socket.socket()
    gone.close()
    bench.hub.open(broken, gone, b"hello", b"")
    wait_until(lambda: bench.gone == [broken])
    bench.hub.publish([Update("order", 1, 2, b"still here")])
    until(theirs, b"still here")
    assert len(bench.hub.connections()) == 1


def test_a_fallen_thread_lets_all_go_and_may_be_started_anew(bench: Bench) -> None:
    hub = bench.hub
    connection, theirs = bench.client()
    caught = bench.follower()
    hub._selector.close()  # select raises; so does taking anybody out
    # They are told to come back; else they would wait for ever for what nobody sends.
    assert all_of(theirs) == frames.close_frame(frames.Close.RESTART)
    wait_until(lambda: not hub._thread.is_alive())
    assert (hub.fallen, bench.gone, hub.connections()) == (True, [connection], [])
    # Who comes while it lies there is let go at once, and nothing is kept for anybody.
    late, theirs_too = socket.socketpair()
    bench.stack.enter_context(theirs_too)
    hub.open(caught, late, b"hello", b"")
    assert theirs_too.recv(5) == b""
    assert bench.gone == [connection, caught]
    hub.publish([Update("order", 1, 2, b"nobody")])
    assert hub.revive()
    assert hub.revive()
    _, theirs = bench.client()
    hub.publish([Update("order", 1, 3, b"news")])
    until(theirs, b"news")


def test_one_that_followed_before_the_fall_is_not_left_without_news(bench: Bench) -> None:
    """It is in no index any more, so it must not be kept open."""
    hub = bench.hub
    early = bench.follower()
    hub._selector.close()
    wait_until(lambda: hub.fallen and not hub._thread.is_alive())
    assert hub.revive()
    ours, theirs = socket.socketpair()
    bench.stack.enter_context(theirs)
    hub.open(early, ours, b"hello", b"")
    assert all_of(theirs) == b""
    wait_until(lambda: bench.gone == [early])


def test_more_than_it_remembers_in_a_moment_is_told_once(bench: Bench) -> None:
    _, theirs = bench.client(topic=("user", 1))
    news = [Update("user", 1, number, b"%04d" % number) for number in range(2000)]
    for _ in range(2):
        bench.hub.publish(news)
    bench.hub.publish([Update("user", 1, 5000, b"last")])
    got = until(theirs, b"last")
    assert got == b"".join(frames.frame(update.payload) for update in news) + frames.frame(b"last")
