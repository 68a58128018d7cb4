"""How gunicorn serves the shop. Everything that differs between places is a setting."""

import ctypes
import gc
import resource
import secrets
import socket
import sys

import orjson
from flask import Flask
from gunicorn import glogging, util
from gunicorn.workers.gthread import TConn, ThreadWorker

from bookstore import instruments, logs, sentry, traces
from bookstore.config import BadSetting, Settings
from bookstore.gateways.embedded_redis import EmbeddedRedis, EmbeddedServerError
from bookstore.problems import HTTP_CODES
from bookstore.services import tracking, watching

try:
    _settings = Settings.from_environ()
    _settings.resolved_secret_key()
except BadSetting as error:
    sys.exit(f"bookstore: {error}")
logs.also_to(_settings.log_path)
logs.configure(level=_settings.log_level, json_lines=_settings.is_production)


CLIENT_SECONDS = 5  # between two pieces of a body, or of an answer
SOCKETS_SECONDS = 2
MANY_FILES = 65_536
# The C library, called without letting another thread of Python run meanwhile.
_libc = ctypes.PyDLL(None)


def write_problem(sock, status, reason, detail):
    """Answer what never becomes a request as a problem (RFC 9457), as the shop answers all else.

    gunicorn's own is a page, which no client of an API can read.
    """
    request_id = secrets.token_hex(8)
    code = HTTP_CODES.get(status, "error")
    body = orjson.dumps(
        {
            "type": f"/problems/{code}",
            "title": reason,
            "status": status,
            "detail": detail or "Something went wrong on our side.",
            "code": code,
            "request_id": request_id,
        }
    )
    head = (
        f"HTTP/1.1 {status} {reason}\r\n"
        "Connection: close\r\n"
        "Content-Type: application/problem+json\r\n"
        f"Content-Length: {len(body)}\r\n"
        f"X-Request-ID: {request_id}\r\n"
        "Cache-Control: no-store\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n\r\n"
    )
    util.write_nonblock(sock, head.encode("latin-1") + body)


# There is no hook for it; a worker looks it up there each time.
util.write_error = write_problem


class Worker(ThreadWorker):
    """A thread worker that leaves nobody in the queue when it stops, and lets go of sockets.

    gunicorn's own keeps the listening socket open while it finishes its requests, but takes
    no more from it: whoever connects meanwhile waits in the kernel, to be cut off at the end.
    WebSockets and streams leave their request thread for the hub (docs/decisions/0013-sockets.md).
    """

    watch = None

    def handle_request(self, req, conn):
        """Wait for a client only so long, or a few that send half a body hold every thread."""
        conn.sock.settimeout(CLIENT_SECONDS)
        return super().handle_request(req, conn)

    def finish_request(self, conn, fs):
        """Forget a connection whose socket was taken over; it is the hub's now."""
        if conn.sock.fileno() < 0:
            # gunicorn's own would count it off twice: there is nothing to close gracefully.
            self.nr_conns -= 1
            return
        super().finish_request(conn, fs)

    def run(self):
        """Serve; at the end give the sockets a moment to say goodbye."""
        super().run()
        tracking.join(SOCKETS_SECONDS)
        if self.watch is not None:
            self.watch.stop()

    def set_accept_enabled(self, enabled):
        """Serve all who wait and close the door at once, when the worker is stopping."""
        super().set_accept_enabled(enabled)
        if enabled or self.alive:
            return
        for listener in self.sockets:
            served = -1
            while served < self.nr_conns:
                served = self.nr_conns
                self.accept(listener)
            self.close_door(listener)
        # First of all: who is told at once is back at another process while we finish here.
        tracking.stop()

    def close_door(self, listener):
        """Close a listening socket, and serve who came in up to that very moment.

        The kernel resets who is in its queue when the last process closes it. With Python's own
        accept and close our request threads run in between, for tens of milliseconds.
        """
        name, descriptor, late = listener.getsockname(), listener.sock.detach(), []
        while (one := _libc.accept(descriptor, None, None)) >= 0:
            late.append(one)
        _libc.close(descriptor)
        for one in late:
            client = socket.socket(fileno=one)
            client.set_inheritable(False)
            try:
                conn = TConn(self.cfg, client, client.getpeername(), name)
            except OSError:  # gone already
                client.close()
                continue
            self.nr_conns += 1
            self.enqueue_req(conn)


class Logger(glogging.Logger):
    """gunicorn's own lines, as all the others of the shop."""

    def setup(self, cfg):
        """Leave the lines to the handler of the shop."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


bind = f"{_settings.host}:{_settings.port}"
worker_class = Worker
logger_class = Logger
workers = _settings.web_workers
threads = _settings.web_threads
worker_connections = 1000
keepalive = 75  # longer than a load balancer's 60 s: the balancer closes, never we under its hands
timeout = 30
graceful_timeout = 25
# A slow leak in some library must not become a night call. Seldom, though: each time all sockets
# of the process have to connect anew.
max_requests = 200_000
max_requests_jitter = 20_000
# A cursor of the longest title, a search and a filter, all percent-encoded, is more than gunicorn's
# 4,094; RFC 9112 3 asks for 8,000 at least.
limit_request_line = 8190
limit_request_fields = 64
limit_request_field_size = 8190
control_socket_disable = True
# Which proxies are believed is TRUSTED_PROXIES, alone: gunicorn would believe all that is sent from
# this machine, or whom FORWARDED_ALLOW_IPS names, as to the scheme.
forwarded_allow_ips = ""
secure_scheme_headers = {}
loglevel = "warning"
proc_name = "bookstore"

# Each socket is a descriptor, and the usual soft limit is 1,024.
_soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
if 0 <= _soft < MANY_FILES:
    _most = MANY_FILES if _hard < 0 else min(_hard, MANY_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(_soft, _most), _hard))

_redis = EmbeddedRedis(_settings.bookstore_home)


def post_fork(server, worker):
    """Collect no garbage while the app is made: there is none, and looking is a third of it."""
    gc.disable()
    instruments.share(_settings.bookstore_home, "web")


def post_worker_init(worker):
    """Leave what the app is made of out of every later collection."""
    gc.freeze()
    gc.enable()
    instruments.note_start()
    app = worker.wsgi
    if isinstance(app, Flask) and "SETTINGS" in app.config:
        worker.watch = watching.Watch(app.app_context, _settings.bookstore_home)
        worker.watch.start()


def worker_exit(server, worker):
    """Send the last spans and faults while threads can still be started."""
    traces.stop()
    sentry.flush()


def on_starting(server):
    """Start the embedded Redis when no other is named (one that runs already is used)."""
    if _settings.is_production and _settings.s3_bucket is None:
        folder = _settings.bookstore_home.absolute() / "storage"
        server.log.warning(
            "S3_BUCKET is not set: covers are in %s, for this machine alone; back it up", folder
        )
    if _settings.is_production and not _settings.forces_https:
        server.log.warning("http does not lead to https: passwords and tokens go in clear")
    if _settings.redis_url is None:
        try:
            _redis.start()
        except EmbeddedServerError as error:
            server.log.error("no embedded Redis: %s", error)


def on_exit(server):
    """Stop what on_starting started."""
    if _settings.redis_url is None:
        _redis.stop()
