"""The sockets of one process: a single thread sends, reads, pings and closes all of them."""

from bookstore.gateways.hub.connection import Connection, Topic
from bookstore.gateways.hub.frames import Close
from bookstore.gateways.hub.handover import take_over
from bookstore.gateways.hub.loop import Hub

__all__ = ["Close", "Connection", "Hub", "Topic", "take_over"]
