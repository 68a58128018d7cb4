"""What hangs on the objects of an answer, loaded for all that came together."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from bookstore.graphql.scalars import read
from bookstore.services import book_views, catalog_loading, recommendations, recommended_lists
from bookstore.services.actors import Actor

Load = Callable[[Sequence[int]], dict[int, Any]]
Key = Callable[[Any], Any]


class _Failed:
    """Stands for what could not be loaded: whoever came with it need not try again."""

    def __init__(self, error: Exception) -> None:
        self.error = error


class Loaders:
    """Loads by levels of a query, one statement each.

    The first object that is asked what hangs on it has it loaded for all that came with it, in one
    list or in all the lists of a level; those find it when they are asked.
    """

    def __init__(self) -> None:
        # By id(): they are held here, so no other object can have it.
        self._together: dict[int, Sequence[Any]] = {}
        self._loaded: dict[tuple[str, int], dict[int, Any]] = {}

    def together(self, objects: Iterable[Any]) -> list[Any]:
        """Note that these came together, unless they have come with others before."""
        came = list(objects)
        for one in came:
            self._together.setdefault(id(one), came)
        return came

    def book(self, source: Any, key: Key) -> Any:
        """Return a book's view, or None; ``key`` reads its id from each source."""
        return self._load("book", catalog_loading.books, source, key)

    def author(self, source: Any, key: Key) -> Any:
        """Return an author, or None; ``key`` reads their id from each source."""
        return self._load("author", catalog_loading.authors, source, key)

    def authors(self, book: Any) -> list[Any]:
        """Return all authors of a book."""
        people, _ = self._load("hung_on", _hung_on, book, _id)
        return [self.author(person, _id) for person in people]

    def categories(self, book: Any) -> list[Any]:
        """Return all categories of a book."""
        _, shelves = self._load("hung_on", _hung_on, book, _id)
        return list(shelves)

    def publisher(self, book: Any) -> Any:
        """Return a book's publisher, or None."""
        return self._load("publisher", catalog_loading.publishers, book, _publisher_id)

    def books_count(self, author: Any) -> int:
        """Return how many books an author wrote."""
        return self._load("books_count", catalog_loading.books_counts, author, _id) or 0

    def reviews(self, book: Any, first: int) -> list[Any]:
        """Return a book's newest reviews."""
        load = partial(catalog_loading.reviews, first=first)
        return self._load("reviews", load, book, _id, first) or []

    def books_by(self, author: Any, first: int) -> list[Any]:
        """Return an author's newest books."""
        load = partial(catalog_loading.books_by, first=first)
        return self._load("books_by", load, author, _id, first) or []

    def beside(self, book: Any, actor: Actor, first: int) -> list[Any]:
        """Return what is recommended to the actor, beside a book.

        Of a list that is cut short the rest is not loaded: what hangs on that nobody has paid for.
        """
        lists = self._loaded.setdefault(("beside, ids", 0), {})

        def load(book_ids: Sequence[int]) -> dict[int, Any]:
            if missing := [one for one in book_ids if one not in lists]:
                lists.update(recommended_lists.for_books(actor, missing))
            return recommended_lists.shown({one: lists[one] for one in book_ids}, first)

        return self._load("beside", load, book, _id, first) or []

    def recommended_to(self, actor: Actor, first: int) -> list[Any]:
        """Return what is recommended to a user; of more than that nothing hangs together."""
        lists, user_id = self._loaded.setdefault(("recommended_to", 0), {}), actor.id or 0
        if user_id not in lists:
            lists[user_id] = recommendations.for_user(actor)
        return self.together(lists[user_id][:first])

    def forget(self) -> None:
        """Load everything anew: something has been written."""
        self._together.clear()
        self._loaded.clear()

    def _load(self, what: str, load: Load, source: Any, key: Key, first: int = 0) -> Any:
        loaded = self._loaded.setdefault((what, first), {})
        wanted = key(source)
        if wanted is not None and wanted not in loaded:
            came = self._together.get(id(source), (source,))
            self._load_all(loaded, load, dict.fromkeys(key(one) for one in came))
        found = loaded.get(wanted)
        if isinstance(found, _Failed):
            raise found.error
        return found

    def _load_all(self, loaded: dict[int, Any], load: Load, keys: Iterable[Any]) -> None:
        missing = [one for one in keys if one is not None and one not in loaded]
        try:
            found = load(missing)
        except Exception as error:
            loaded.update(dict.fromkeys(missing, _Failed(error)))
            return
        loaded.update((one, found.get(one)) for one in missing)
        self.together(_objects(found.values()))


def _id(source: Any) -> Any:
    return read(source, "id")


def _publisher_id(book: Any) -> Any:
    publisher = book["publisher"]
    return publisher and publisher["id"]


def _hung_on(book_ids: Sequence[int]) -> dict[int, Any]:
    authors, categories = book_views.hung_on(book_ids)
    return {one: (authors.get(one, []), categories.get(one, [])) for one in book_ids}


def _objects(values: Iterable[Any]) -> Iterator[Any]:
    """Return what may have something hanging on it: objects, also those in lists; no numbers."""
    for one in values:
        if isinstance(one, list | tuple):
            yield from _objects(one)
        elif not isinstance(one, int):
            yield one
