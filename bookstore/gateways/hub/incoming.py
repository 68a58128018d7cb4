"""What clients say: pongs, goodbyes, and ``{"type": "sync", "versions": {"<id>": n}}``."""

from dataclasses import dataclass

import orjson
from wsproto.connection import ConnectionState
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage

from bookstore.gateways.hub.connection import MESSAGE_LIMIT, Connection
from bookstore.gateways.hub.frames import Close


@dataclass(slots=True)
class Heard:
    """What follows from some bytes: bytes to answer, a code to close with, whether to sync.

    ``over``: the other side has closed, so nobody waits for it any more.
    """

    answer: bytes = b""
    close: int | None = None
    over: bool = False
    sync: bool = False


def read(connection: Connection, data: bytes, now: float) -> Heard:
    """Take in bytes from a WebSocket client."""
    heard, protocol = Heard(), connection.parser()
    protocol.receive_data(data)
    for event in protocol.events():
        if isinstance(event, CloseConnection):
            heard.over = protocol.state is not ConnectionState.OPEN
            # Broken frames come as a close with the code to answer; their sender is still there.
            if heard.over and not connection.closing:
                heard.answer += protocol.send(event.response())
                connection.code = event.code
            elif not heard.over:
                heard.close = event.code
            return heard
        if connection.closing:
            continue
        if not connection.may_speak(now):
            heard.close = Close.POLICY
        elif isinstance(event, Ping):
            heard.answer += protocol.send(event.response())
        elif isinstance(event, BytesMessage):
            heard.close = Close.UNSUPPORTED
        elif isinstance(event, TextMessage):
            heard.close = _collect(connection, event, heard)
        if heard.close is not None:
            return heard
    connection.heard = now
    return heard


def _collect(connection: Connection, event: TextMessage, heard: Heard) -> int | None:
    parts = connection.incoming = connection.incoming or []
    parts.append(event.data)
    if sum(len(part.encode()) for part in parts) > MESSAGE_LIMIT:
        return Close.TOO_BIG
    if event.message_finished:
        connection.incoming = None
        heard.sync |= _wants_sync(connection, "".join(parts))
    return None


def _wants_sync(connection: Connection, text: str) -> bool:
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    if not isinstance(message, dict) or message.get("type") != "sync":
        return False
    versions = message.get("versions")
    known = versions.get(str(connection.topic[1])) if isinstance(versions, dict) else None
    if connection.topic[0] == "order" and type(known) is int and known < connection.version:
        # It says that it has less than it was sent; it gets the present state again.
        connection.version = known
    return True
