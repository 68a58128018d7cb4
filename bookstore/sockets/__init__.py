"""WebSockets: authenticate, subscribe, forward.

flask-sock has the routes and does the handshake in a request thread. Before that, in
``entrance``, it is decided who may come in, so that a refusal is an ordinary problem. After it,
the socket goes to the hub (``services/tracking.py``) and the thread is free again.
"""

from flask import Flask

from bookstore.config import Settings
from bookstore.config.parts import ORDERS
from bookstore.sockets import entrance, jobs, notifications, orders


def init_app(app: Flask) -> None:
    """Register the sockets' routes, where the orders are."""
    settings: Settings = app.config["SETTINGS"]
    # No thread that reads, and no buffer without end: the hub reads.
    app.config.setdefault("SOCK_SERVER_OPTIONS", {"thread_class": entrance.NoThread})
    for module in (orders, notifications, jobs):
        if ORDERS in settings.parts:
            app.register_blueprint(module.blp)
