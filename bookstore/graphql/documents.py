"""Documents that were found good, kept as they were parsed: clients send the same few each time."""

import threading
from collections import OrderedDict
from collections.abc import Iterator

from graphql import DocumentNode
from strawberry.extensions import SchemaExtension

from bookstore.extensions import settings
from bookstore.services.persisted_queries import LONGEST

# One takes up to 0.6 MB, by the tokens that it may have (``limits``); most take a tenth.
MOST = 50


class Documents:
    """The last ``most`` that were found good, by their text and by whether that may ask for the
    schema.

    A document says what its text says: it has no variables, no name of an operation and no actor in
    it, and what these may do is asked for each request. None is kept that has errors.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[str, bool], DocumentNode] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, text: str, *, is_open: bool) -> DocumentNode | None:
        """Return a document that was found good."""
        key = (text, is_open)
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
        return found

    def keep(self, text: str, document: DocumentNode, *, is_open: bool) -> None:
        """Keep a good document, unless it is long; the one that was unused for longest may go."""
        if len(text) > LONGEST:
            return
        with self._lock:
            self._kept[text, is_open] = document
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)

    def __len__(self) -> int:
        return len(self._kept)


kept = Documents(MOST)


class KnownDocuments(SchemaExtension):
    """Neither parses nor validates what is kept, and keeps what turns out to be good."""

    def on_parse(self) -> Iterator[None]:
        """Take the document, if it is kept."""
        context = self.execution_context
        self._is_open = settings().graphql_is_open
        self._found = kept.find(context.query or "", is_open=self._is_open)
        context.graphql_document = self._found
        yield

    def on_validate(self) -> Iterator[None]:
        """Say that a kept one is good; keep another if it is."""
        context = self.execution_context
        if self._found is not None:
            context.pre_execution_errors = []
        yield
        is_good = not context.pre_execution_errors
        if self._found is None and is_good and context.query and context.graphql_document:
            kept.keep(context.query, context.graphql_document, is_open=self._is_open)
