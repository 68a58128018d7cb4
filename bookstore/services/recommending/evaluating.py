"""How good lists are: on ratings that were held back, by one protocol for every method.

Of each reader a fifth of the ratings, drawn at random, is held back. Each method sees the rest and
makes a list of ten out of all books that the reader has not rated there. What was held back is what
should be in it. (docs/decisions/0037-recommendations.md says more, and what came of it.)
"""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bookstore.services.recommending import learning
from bookstore.services.recommending.taste import Likes, Traits

TOP = 10
HELD_BACK = 0.2
_READERS = 500


@dataclass(frozen=True, slots=True)
class Scores:
    """Means over readers; ``coverage`` is the part of all books that is in anybody's list."""

    ndcg: float
    recall: float
    coverage: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a method, seed by seed."""

    method: str
    runs: Sequence[Scores]

    def mean(self, name: str) -> float:
        """Return the mean of a score."""
        return statistics.fmean(getattr(run, name) for run in self.runs)

    def spread(self, name: str) -> float:
        """Return half of what is between its highest and its lowest."""
        found: list[float] = [getattr(run, name) for run in self.runs]
        return (max(found) - min(found)) / 2


def evaluate(
    likes: Likes,
    traits: Traits,
    seeds: Sequence[int],
    neighbours: int,
    *,
    liked: int = 1,
) -> list[Result]:
    """Return the scores of each method, those of the most popular books first.

    Args:
        likes: ratings.
        traits: of the books.
        seeds: a split for each.
        neighbours: of each book, as the shop keeps them.
        liked: what a list is made of, and what of the ratings held back should be in it: those with
            so many stars and more. Of 1 it is whatever somebody read; of 4, what the shop does.
    """
    runs: dict[str, list[Scores]] = {}
    for seed in seeds:
        for name, scores in _one(likes, traits, seed, neighbours, liked):
            runs.setdefault(name, []).append(scores)
    return [Result(name, found) for name, found in runs.items()]


def split(readers: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.bool_]:
    """Return which ratings are held back: of each reader a fifth, rounded, at random."""
    drawn = np.random.default_rng(seed).random(len(readers))
    order = np.lexsort((drawn, readers))
    _, starts, counts = np.unique(readers[order], return_index=True, return_counts=True)
    place = np.arange(len(readers)) - np.repeat(starts, counts)
    held = np.empty(len(readers), dtype=np.bool_)
    held[order] = place < np.repeat(np.rint(counts * HELD_BACK), counts)
    return held


def _one(
    likes: Likes, traits: Traits, seed: int, neighbours: int, liked: int
) -> Iterator[tuple[str, Scores]]:
    readers, books, stars = (
        np.asarray(column, dtype=np.int64) for column in (likes.readers, likes.books, likes.stars)
    )
    held = split(readers, seed)
    ids = np.unique(books)
    people, rows = np.unique(readers, return_inverse=True)
    shape = (len(people), len(ids))
    seen = learning.ones(rows[~held], books[~held], shape, ids)
    wanted = held & (stars >= liked)
    right = learning.ones(rows[wanted], books[wanted], shape, ids)
    known = ~held & (stars >= liked)
    history = learning.ones(rows[known], books[known], shape, ids)
    popular = np.asarray(seen.sum(axis=0)).ravel()
    methods: dict[str, Callable[[], Any]] = {
        "most popular": lambda: None,
        "counts": lambda: learning.cosine(seen, ids, neighbours).matrix(),
        "ease": lambda: learning.ease(seen, traits, ids, neighbours).matrix(),
    }
    for name, learn in methods.items():
        started = time.perf_counter()
        weights = learn()
        lists = _lists(history, seen, weights, popular)
        yield name, scored(lists, right, time.perf_counter() - started)


def _lists(
    history: Any, seen: Any, weights: Any, popular: npt.NDArray[Any]
) -> npt.NDArray[np.int64]:
    """Return a list for each reader, filled up with what is most popular."""
    found = np.empty((seen.shape[0], TOP), dtype=np.int64)
    # Less than any score there is, and more for what more have read.
    filling = popular / (popular.max() + 1) * 1e-6 - 1e-5
    for start in range(0, len(found), _READERS):
        some = seen[start : start + _READERS]
        scores = np.tile(filling, (some.shape[0], 1))
        if weights is not None:
            scores += (history[start : start + _READERS] @ weights).toarray()
        scores[some.nonzero()] = -np.inf
        top = np.argpartition(-scores, TOP - 1, axis=1)[:, :TOP]
        values = np.take_along_axis(scores, top, axis=1)
        order = np.lexsort((top, -values), axis=1)
        found[start : start + _READERS] = np.take_along_axis(top, order, axis=1)
    return found


def scored(lists: npt.NDArray[np.int64], right: Any, seconds: float) -> Scores:
    """Return the scores of lists, by what should be in them."""
    gains = 1 / np.log2(np.arange(2, TOP + 2))
    many = np.asarray(right.sum(axis=1), dtype=np.int64).ravel()
    asked = many > 0
    hits = np.asarray(right[np.arange(len(lists))[:, None], lists].todense()) > 0
    best = np.cumsum(gains)[np.minimum(many, TOP) - 1]
    ndcg = (hits * gains).sum(axis=1)[asked] / best[asked]
    recall = hits.sum(axis=1)[asked] / many[asked]
    coverage = len(np.unique(lists)) / right.shape[1]
    return Scores(float(ndcg.mean()), float(recall.mean()), coverage, seconds)
