"""Images for tests: good ones, odd ones, and such as mean harm."""

import io
import struct
import zlib
from typing import Any

from PIL import Image


def picture(
    kind: str = "JPEG", size: tuple[int, int] = (600, 900), mode: str = "RGB", **options: Any
) -> bytes:
    """Return an image whose left half is red and whose right half is blue."""
    image = Image.new("RGB", size, "blue")
    image.paste("red", (0, 0, max(1, size[0] // 2), size[1]))
    return encoded(image.convert(mode), kind, **options)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Return an image as a file."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def decoded(data: bytes) -> Image.Image:
    """Return a file as an image, all of it read."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def png_chunk(name: bytes, data: bytes) -> bytes:
    """Return one chunk of a PNG."""
    check = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)


def png_bomb(width: int, height: int) -> bytes:
    """Return a small PNG that says it is huge, and is."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    row = b"\0" + bytes((width + 7) // 8)
    squeezed = zlib.compress((row * min(height, 100))[:1_000_000], 9)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", squeezed)
        + png_chunk(b"IEND", b"")
    )
