"""Documents that were found good, kept as they were parsed: clients send the same few each time."""

import threading
from collections import OrderedDict

from graphql import DocumentNode

# A document of LONGEST characters takes half a megabyte at most, however it is written.
KEPT = 64
LONGEST = 4096


class Documents:
    """The last ``most`` documents that were found good, by their text and what they were held to.

    They are what the text says and no more: no variables, no name of an operation, nobody's rights,
    and no documents with errors.
    """

    def __init__(self, most: int = KEPT, longest: int = LONGEST) -> None:
        self._most = most
        self._longest = longest
        self._kept: OrderedDict[tuple[str, bool], DocumentNode] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, text: str, *, is_open: bool) -> DocumentNode | None:
        """Return a document that was found good; ``is_open``: it may ask for the schema."""
        key = (text, is_open)
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
        return found

    def keep(self, text: str, document: DocumentNode, *, is_open: bool) -> None:
        """Keep a document that was found good, unless it is long, in place of the oldest."""
        if len(text) > self._longest:
            return
        with self._lock:
            self._kept[text, is_open] = document
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def __len__(self) -> int:
        return len(self._kept)


documents = Documents()
