"""Opening an import's file: what is wrong with all of it is said before anything is loaded."""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from bookstore import errors

# NUL, and what surrogateescape makes of bytes that are not UTF-8.
_LONGEST = 1_000_000  # of a line, in characters
_NOT_TEXT = re.compile("[\0\udc80-\udcff]")


class Source:
    """A CSV file with a header that has been looked through once.

    Attributes:
        columns: names from the header, lower case.
        total: rows below the header that are not blank.
    """

    def __init__(self, path: Path, name: str | None = None) -> None:
        # What it is called in complaints: the path of a copy is nobody's business.
        self.path, self.name = path, name or str(path)
        try:
            self._check_bytes()
            self.columns, self.total = self._check_rows()
        except (EOFError, zlib.error) as error:
            raise bad_file(self.name, "is a damaged gzip file") from error
        except OSError as error:
            raise bad_file(self.name, f"cannot be read: {error.strerror or error}") from error

    def require(self, needed: set[str], optional: set[str] | None = None) -> None:
        """Refuse the file unless it has the needed columns and, if given, only known ones.

        Raises:
            Invalid: naming the columns.
        """
        if missing := sorted(needed - set(self.columns)):
            raise errors.Invalid(
                {name: ["is a column that the file lacks"] for name in missing},
                f"{self.name}: the column {', '.join(missing)} is missing",
            )
        if optional is None:
            return
        unknown = [name for name in self.columns if name not in needed | optional]
        if unknown:
            known = ", ".join(sorted(needed | optional))
            raise errors.Invalid(
                {name or "''": [f"is not a known column ({known})"] for name in unknown},
                f"{self.name}: unknown column {', '.join(map(repr, unknown))}",
            )

    def rows(self) -> Iterator[tuple[int, dict[str, str] | tuple[str, str]]]:
        """Yield each row's number with its cells by column, or with (field, reason) if broken."""
        for number, cells in self._records():
            if number == 1 or cells == []:
                continue
            if isinstance(cells, str):
                yield number, ("row", cells)
            elif len(cells) != len(self.columns):
                yield number, ("row", f"has {len(cells)} cells, the header {len(self.columns)}")
            else:
                given = dict(zip(self.columns, cells, strict=True))
                yield number, next(filter(None, map(_broken, given.items())), None) or given

    def _open(self) -> IO[bytes]:
        if self.path.suffix == ".gz":
            return cast("IO[bytes]", gzip.open(self.path, "rb"))
        return self.path.open("rb")

    def _records(self) -> Iterator[tuple[int, list[str] | str]]:
        """Yield (number, cells, or why there are none)."""
        with (
            self._open() as raw,
            io.TextIOWrapper(
                raw, encoding="utf-8-sig", errors="surrogateescape", newline=""
            ) as text,
        ):
            # strict: a quote that is never closed would swallow the rest of the file.
            reader = csv.reader(self._lines(text), strict=True)
            number = 0
            while True:
                number += 1
                try:
                    yield number, next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    if "unexpected end" in str(error):
                        raise bad_file(self.name, "ends inside a quoted cell") from error
                    yield number, f"is not CSV: {error}"

    def _lines(self, text: IO[str]) -> Iterator[str]:
        """Yield the lines; a small gzip file may have one that no memory holds."""
        while line := text.readline(_LONGEST):
            if len(line) == _LONGEST:
                raise bad_file(self.name, f"has a line of more than {_LONGEST:,} characters")
            yield line

    def _check_bytes(self) -> None:
        # A header that is no text means that the file is none, or in another encoding; further
        # down it is that row's fault.
        with self._open() as raw:
            header = raw.readline(_LONGEST)
            if not header:
                raise bad_file(self.name, "is empty")
            if b"\0" in header:
                raise bad_file(self.name, "has NUL bytes in its header: not a text file")
            try:
                header.decode()
            except UnicodeDecodeError:
                raise bad_file(self.name, "has a header that is not UTF-8 text") from None

    def _check_rows(self) -> tuple[list[str], int]:
        records = self._records()
        _, header = next(records, (1, []))
        if isinstance(header, str):
            raise bad_file(self.name, header)
        columns = [name.strip().lower() for name in header]
        if not any(columns):
            raise bad_file(self.name, "has no header")
        for name in columns:
            if columns.count(name) > 1:
                raise errors.Invalid(
                    {name or "''": ["is a column that is there twice"]},
                    f"{self.name}: the column {name!r} is there twice",
                )
        return columns, sum(cells != [] for _, cells in records)


def _broken(cell: tuple[str, str]) -> tuple[str, str] | None:
    """Return (field, reason) if the cell (field, text) is no text."""
    found = _NOT_TEXT.search(cell[1])
    if found is None:
        return None
    return cell[0], "has a NUL character" if found[0] == "\0" else "is not UTF-8 text"


def bad_file(path: Path | str, reason: str) -> errors.Invalid:
    """Return the refusal of a whole file, one line."""
    return errors.Invalid({"file": [f"{path} {reason}"]}, f"{path} {reason}")
