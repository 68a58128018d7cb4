"""Bytes on the wire: WebSocket frames (RFC 6455) and server-sent events (WHATWG HTML 9.2)."""

import struct
from enum import IntEnum

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class Close(IntEnum):
    """Why a socket is closed (RFC 6455 7.4.1 and IANA's registry; from 4000 on our own)."""

    NORMAL = 1000
    UNSUPPORTED = 1003
    ABNORMAL = 1006  # only in the log: the line was cut
    POLICY = 1008
    TOO_BIG = 1009
    RESTART = 1012
    TRY_LATER = 1013
    EXPIRED = 4401
    FORBIDDEN = 4403


REASONS: dict[int, str] = {
    Close.UNSUPPORTED: "text only",
    Close.POLICY: "too many messages",
    Close.TOO_BIG: "messages of at most 8 KiB",
    Close.RESTART: "restarting, connect again",
    Close.TRY_LATER: "too slow, connect again",
    Close.EXPIRED: "log in again",
    Close.FORBIDDEN: "not allowed any more",
}


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """Return one whole, unmasked frame, as a server sends it."""
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", 0x80 | opcode, size)
    elif size < 65536:
        head = struct.pack("!BBH", 0x80 | opcode, 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | opcode, 127, size)
    return head + payload


def close_frame(code: int) -> bytes:
    """Return a close frame with this code and its reason."""
    return frame(struct.pack("!H", code) + REASONS.get(code, "").encode(), CLOSE)


def event(payload: bytes, number: int | None = None) -> bytes:
    """Return a server-sent event; ``number`` becomes its id, which comes back on reconnecting.

    The payload is JSON, so it has no line breaks.
    """
    head = b"" if number is None else b"id: %d\n" % number
    return b"%sdata: %s\n\n" % (head, payload)


def close_event(code: int) -> bytes:
    """Return an event that tells why a stream ends."""
    return b'event: close\ndata: {"code":%d}\n\n' % code


PING_FRAME = frame(b"", PING)
COMMENT = b": still here\n\n"
