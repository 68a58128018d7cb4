"""A receiver of webhooks that costs next to nothing: ``python -m benchmarks.receiver``.

It answers every POST with 200 and says on standard output where it listens. ``GET /`` answers
how many different ``webhook-id`` have come in, and forgets them.
"""

import asyncio
import re

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_ID = re.compile(rb"\r\nwebhook-id: *([^\r]+)", re.IGNORECASE)
_THANKS = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"
_seen: set[bytes] = set()


class _Connection(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.data = transport, b""

    def data_received(self, data: bytes) -> None:
        self.data += data
        while (end := self.data.find(b"\r\n\r\n")) >= 0:
            head = self.data[:end]
            length = _LENGTH.search(head)
            size = end + 4 + (int(length[1]) if length else 0)
            if len(self.data) < size:
                return
            self.data = self.data[size:]
            self._answer(head)

    def _answer(self, head: bytes) -> None:
        assert isinstance(self.transport, asyncio.WriteTransport)
        if head.startswith(b"GET"):
            count = str(len(_seen)).encode()
            _seen.clear()
            self.transport.write(b"HTTP/1.0 200 OK\r\n\r\n" + count)
            self.transport.close()
            return
        found = _ID.search(head)
        if found:
            _seen.add(found[1])
        self.transport.write(_THANKS)


async def _main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Connection, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main())
