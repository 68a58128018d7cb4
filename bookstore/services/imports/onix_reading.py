"""Reading an ONIX message record by record, whatever its size, and whoever made it.

Nothing it names is fetched, no entity is expanded, and no more of it is in memory than a record and
what was read ahead.
"""

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from lxml import etree

from bookstore import errors
from bookstore.services.imports.onix_names import reference_name
from bookstore.services.imports.reading import bad_file

_CHUNK = 64 * 1024
# One with all its texts has some 100 KB.
LONGEST_RECORD = 4 * 1024 * 1024
_ROOT = ("{*}ONIXMessage", "{*}ONIXmessage")
_RECORDS = ("{*}Product", "{*}product")
_HEADER = ("{*}Header", "{*}header")


@dataclass(frozen=True, slots=True)
class Record:
    """A ``Product`` with its names in the long form, and what the message says of all prices."""

    product: Any
    currency: str | None
    price_type: str | None


class OnixSource:
    """An ONIX 3.0 or 3.1 message that has been looked through once.

    Attributes:
        total: its records.

    Raises:
        Invalid: it is none.
    """

    def __init__(self, path: Path, name: str | None = None) -> None:
        self.path, self._name = path, name or str(path)
        self.total = sum(1 for _ in self.records())

    def records(self) -> Iterator[tuple[int, Record]]:
        """Yield each record with its number, from 1; it is gone once the next is asked for."""
        # Entities are left as they are, so they cost nothing; and no DTD is looked for.
        parser = etree.XMLPullParser(
            events=("start", "end"),
            tag=[*_ROOT, *_HEADER, *_RECORDS],
            resolve_entities=False,
            load_dtd=False,
            no_network=True,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
        number, since, found_root = 0, 0, False
        defaults: dict[str, str | None] = {}
        try:
            for chunk in self._chunks(parser):
                since += chunk
                for event, element in parser.read_events():
                    name = reference_name(element.tag)
                    if event == "start":
                        if name == "ONIXMessage":
                            self._check_root(element)
                            found_root = True
                        continue
                    since = 0
                    if name == "ONIXMessage" or element.getparent() is None:
                        continue
                    _to_reference_names(element)
                    if name == "Header":
                        tags = ("DefaultCurrencyCode", "DefaultPriceType")
                        defaults = {tag: element.findtext(tag) for tag in tags}
                    else:
                        number += 1
                        yield number, Record(element, *_both(defaults))
                    _forget(element)
                if since > LONGEST_RECORD:
                    raise self._bad(f"has a record of more than {LONGEST_RECORD:,} bytes")
        except etree.XMLSyntaxError as error:
            raise self._bad(f"is not well-formed XML: {error.msg}") from None
        except (EOFError, zlib.error) as error:
            raise self._bad("is a damaged gzip file") from error
        except OSError as error:
            raise self._bad(f"cannot be read: {error.strerror or error}") from error
        if not found_root:
            raise self._bad("is not an ONIX message: there is no ONIXMessage in it")

    def _chunks(self, parser: Any) -> Iterator[int]:
        """Feed the parser; yield the size of each piece."""
        with self._open() as file:
            while chunk := file.read(_CHUNK):
                parser.feed(chunk)
                yield len(chunk)
            parser.close()
            yield 0

    def _open(self) -> IO[bytes]:
        if self.path.suffix == ".gz":
            return cast("IO[bytes]", gzip.open(self.path, "rb"))
        return self.path.open("rb")

    def _check_root(self, root: Any) -> None:
        dtd = root.getroottree().docinfo.internalDTD
        if dtd is not None and next(iter(dtd.iterentities()), None) is not None:
            raise self._bad("declares entities, which are not read: write characters instead")
        release = root.get("release", "3.0")
        space = root.tag.rpartition("}")[0]
        if not release.startswith("3.") or "/onix/2" in space:
            raise self._bad(f"is ONIX {release[:20]}, and only 3.0 and 3.1 are read")

    def _bad(self, reason: str) -> errors.Invalid:
        return bad_file(self._name, reason)


def is_xml(path: Path) -> bool:
    """Return whether a file begins as XML does, in whatever encoding."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            start = file.read(64)
    except (OSError, EOFError):
        return False  # whoever reads it says why it cannot be read
    return start.translate(None, b"\0\xef\xbb\xbf\xfe\xff").lstrip().startswith(b"<")


def _both(defaults: dict[str, str | None]) -> tuple[str | None, str | None]:
    return defaults.get("DefaultCurrencyCode"), defaults.get("DefaultPriceType")


def _to_reference_names(element: Any) -> None:
    for node in element.iter(etree.Element):
        node.tag = reference_name(node.tag)


def _forget(element: Any) -> None:
    """Let go of an element and of all before it."""
    element.clear()
    parent = element.getparent()
    while element.getprevious() is not None:
        del parent[0]
