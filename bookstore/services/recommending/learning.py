"""Learning from readers, and from what books have in common, which book goes with which.

EASE (Steck 2019, "Embarrassingly Shallow Autoencoders for Sparse Data"): the weights by which a
reader's books say best what else they read are those of a ridge regression in closed form, from
the inverse of how often two books have the same readers. What books have in common goes in as
readers do: an author is somebody who read all that they wrote. So a book that nobody bought yet
has neighbours too.

No pair is due to one reader alone (``counting.READERS_IN_COMMON`` says why): it has several, or the
books share a trait that readers choose by, and then it counts what it would without that reader.

This module needs numpy and scipy; nothing imports it where they may be missing, but in a function.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.linalg import lapack

from bookstore.services.recommending import counting
from bookstore.services.recommending.taste import Likes, Traits

Floats: TypeAlias = npt.NDArray[np.float32]
Places: TypeAlias = npt.NDArray[np.int64]

# Measured on a validation set (docs/decisions/0037-recommendations.md).
RIDGE = 300.0
# How much a trait counts: the square of it is worth so many readers.
WEIGHTS = {"author": 3.0, "series": 4.0, "genre": 0.7, "years": 0.5, "language": 0.5}
# What makes a pair by itself. A language or some years do not: that is half of the shop.
CHOSEN_BY = ("author", "series", "genre")
# A trait of one book says nothing, nor one of nearly all.
RARE, COMMON = 2, 0.3
_BLOCK = 500


@dataclass(slots=True)
class Neighbours:
    """Of each book (a row) the places of the best others, best first; a score of 0: there is none.

    ``books`` are the ids, by place; ``readers`` is of how many it was learned.
    """

    books: Places
    places: Places
    scores: Floats
    readers: int

    def rows(self) -> Iterator[tuple[int, int, int, float]]:
        """Yield (book id, rank, id of the neighbour, score)."""
        for row, book in enumerate(self.books):
            for rank in range(self.places.shape[1]):
                score = float(self.scores[row, rank])
                if score <= 0:
                    break
                yield int(book), rank + 1, int(self.books[self.places[row, rank]]), score

    def matrix(self) -> Any:
        """Return the scores as a sparse matrix, books by neighbours."""
        count, many = self.places.shape
        starts = np.arange(0, count * many + 1, many)
        shape = (count, count)
        found = sparse.csr_matrix((self.scores.ravel(), self.places.ravel(), starts), shape=shape)
        found.eliminate_zeros()
        return found


def learn(likes: Likes, traits: Traits, book_ids: Sequence[int], many: int) -> Neighbours:
    """Return the ``many`` best neighbours of each of these books, whose ids ascend."""
    books = _column(book_ids)
    return ease(read_matrix(likes, books), traits, books, many)


def read_matrix(likes: Likes, books: Places) -> Any:
    """Return readers by books, 1 where somebody read a book; rows in the order of readers' ids."""
    readers, rows = np.unique(_column(likes.readers), return_inverse=True)
    return ones(rows, _column(likes.books), (len(readers), len(books)), books)


def ease(read: Any, traits: Traits, books: Places, many: int) -> Neighbours:
    """Return the ``many`` best neighbours of each book.

    The memory it takes is 4 bytes for each pair of books, and a little.

    Args:
        read: readers by books, as of ``read_matrix``.
        traits: of the books.
        books: their ids, ascending.
        many: how many of each.
    """
    count = len(books)
    weights = np.zeros((count, count), dtype=np.float32)
    for part in (read, _trait_matrix(traits, books, tuple(WEIGHTS))):
        _add_gram(weights, part)
    weights[np.diag_indices(count)] += np.float32(RIDGE)
    _invert(weights)
    own = np.diag(weights).copy()
    readers, chosen_by = (
        _by_book(part) for part in (read, _trait_matrix(traits, books, CHOSEN_BY))
    )

    def scores(start: int, end: int) -> Floats:
        inverse = _rows_of_lower(weights, start, end)
        both, alike = (_in_common(each, start, end) for each in (readers, chosen_by))
        few = both < counting.READERS_IN_COMMON
        # What the regression would say had these few not read both: the inverse of a matrix of
        # which two entries are less (Woodbury), in closed form.
        without = own[start:end, None] - inverse * inverse / own
        found: Floats = -inverse / own - np.where(few, both * without, 0)
        found[few & (alike == 0)] = 0
        return found

    return _best(books, scores, many, read.shape[0])


def cosine(read: Any, books: Places, many: int) -> Neighbours:
    """Return what ``counting`` finds in the database, for comparison."""
    counts = np.asarray(read.sum(axis=0), dtype=np.float32).ravel() + counting.SHRINKAGE
    readers = _by_book(read)

    def scores(start: int, end: int) -> Floats:
        both = _in_common(readers, start, end)
        found: Floats = both * both / np.outer(counts[start:end], counts)
        found[both < counting.READERS_IN_COMMON] = 0
        return found

    return _best(books, scores, many, read.shape[0])


def _column(numbers: Sequence[int]) -> Places:
    return np.asarray(numbers, dtype=np.int64)


def ones(rows: Places, book_ids: Places, shape: tuple[int, int], books: Places) -> Any:
    """Return a sparse matrix with 1 where a row has a book; ``books`` are the ids, ascending."""
    columns = np.searchsorted(books, book_ids)
    known = columns < len(books)
    known[known] = books[columns[known]] == book_ids[known]
    each = np.ones(int(known.sum()), dtype=np.float32)
    found = sparse.csr_matrix((each, (rows[known], columns[known])), shape=shape)
    found.data[:] = 1  # however often
    return found


def _trait_matrix(traits: Traits, books: Places, kinds: Sequence[str]) -> Any:
    """Return traits of these kinds by books: what is rarer counts more."""
    parts = []
    for kind in sorted(set(kinds) & set(traits.numbers)):
        numbers = traits.numbers[kind]
        found, rows = np.unique(_column(numbers), return_inverse=True)
        shape = (len(found), len(books))
        have = ones(rows, _column(traits.books[kind]), shape, books)
        having = np.asarray(have.sum(axis=1)).ravel()
        kept = np.flatnonzero((having >= RARE) & (having <= max(RARE, COMMON * len(books))))
        rare = np.sqrt(np.log(len(books) / having[kept] + 1) / np.log(200))
        parts.append(sparse.diags(rare.astype(np.float32) * WEIGHTS[kind]) @ have[kept])
    return sparse.vstack(parts).tocsr() if parts else sparse.csr_matrix((0, len(books)))


def _add_gram(weights: Floats, part: Any) -> None:
    """Add to each pair of books how many rows both are in."""
    rows = _by_book(part)
    for start in range(0, len(weights), _BLOCK):
        weights[start : start + _BLOCK] += _in_common(rows, start, start + _BLOCK)


def _by_book(part: Any) -> tuple[Any, Any]:
    """Return a matrix as ``_in_common`` takes it: by books, and as it was."""
    return part.T.tocsr(), part


def _in_common(rows: tuple[Any, Any], start: int, end: int) -> Floats:
    """Return for these books how many rows each has in common with every other."""
    by_book, part = rows
    found: Floats = (by_book[start:end] @ part).toarray().astype(np.float32, copy=False)
    return found


def _invert(weights: Floats) -> None:
    """Invert a symmetric matrix where it is; only its lower triangle is right afterwards."""
    # LAPACK goes by columns: what is the upper triangle for it is the lower one here.
    factor, problem = lapack.spotrf(weights.T, lower=0, clean=0, overwrite_a=1)
    if not problem:
        factor, problem = lapack.spotri(factor, lower=0, overwrite_c=1)
    if problem or not np.shares_memory(factor, weights):
        raise ArithmeticError(f"LAPACK has not inverted the matrix in place ({problem})")


def _rows_of_lower(weights: Floats, start: int, end: int) -> Floats:
    """Return rows of a symmetric matrix of which only the lower triangle is right."""
    found = np.empty((end - start, len(weights)), dtype=np.float32)
    found[:, :start] = weights[start:end, :start]
    found[:, end:] = weights[end:, start:end].T
    square = np.tril(weights[start:end, start:end])
    found[:, start:end] = square + np.tril(square, -1).T
    return found


def _best(books: Places, scores: Any, many: int, readers: int) -> Neighbours:
    count = len(books)
    many = min(many, max(count - 1, 1))
    places = np.zeros((count, many), dtype=np.int64)
    best = np.zeros((count, many), dtype=np.float32)
    for start in range(0, count, _BLOCK):
        end = min(start + _BLOCK, count)
        found = scores(start, end)
        found[np.arange(end - start), np.arange(start, end)] = -np.inf
        top = np.argpartition(-found, many - 1, axis=1)[:, :many]
        values = np.take_along_axis(found, top, axis=1)
        # Of the same score the one with the lower id, so that it is the same at each run.
        order = np.lexsort((top, -values), axis=1)
        places[start:end] = np.take_along_axis(top, order, axis=1)
        best[start:end] = np.maximum(np.take_along_axis(values, order, axis=1), 0)
    return Neighbours(books, places, best, readers)
