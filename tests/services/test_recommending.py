"""Learning and measuring: on made-up readers of whom it is known what they like."""

import numpy as np
import pytest

from bookstore.services.recommending import evaluating, learning
from bookstore.services.recommending.taste import Likes, Traits

TASTES, BOOKS, READERS = 6, 20, 240


def planted(seed: int = 5) -> Likes:
    """Return ratings of readers who each like one of six kinds of book, and one in ten others."""
    random, found = np.random.default_rng(seed), Likes()
    for reader in range(READERS):
        taste = reader % TASTES
        liked = random.choice(BOOKS, 12, replace=False) + taste * BOOKS
        others = random.choice(TASTES * BOOKS, 2, replace=False)
        for book in sorted({*liked.tolist(), *others.tolist()}):
            found.add(reader, 1000 + book, 5 if book // BOOKS == taste else 3)
    return found


def test_a_fifth_of_each_readers_is_held_back() -> None:
    readers = np.array([7] * 10 + [3] * 5 + [9] * 2 + [7] * 5)
    held = evaluating.split(readers, 1)
    assert [int(held[readers == reader].sum()) for reader in (3, 7, 9)] == [1, 3, 0]
    assert (held == evaluating.split(readers, 1)).all()
    assert (held != evaluating.split(readers, 2)).any()


def test_what_was_planted_is_found() -> None:
    results = evaluating.evaluate(planted(), Traits(), (1, 2), 10)
    by_name = {result.method: result for result in results}
    assert list(by_name) == ["most popular", "counts", "ease"]
    popular, best = by_name["most popular"], by_name["ease"]
    assert popular.mean("ndcg") < 0.1
    assert best.mean("ndcg") > 3 * popular.mean("ndcg")
    assert by_name["counts"].mean("ndcg") > 3 * popular.mean("ndcg")
    assert best.mean("coverage") > 0.9 > popular.mean("coverage")
    assert 0 <= best.spread("ndcg") < 0.1
    assert evaluating.evaluate(planted(), Traits(), (1,), 10)[2].runs[0].ndcg == best.runs[0].ndcg


def test_scores_are_those_of_the_definition() -> None:
    lists = np.array([[0, 1, *range(10, 18)], list(range(10, 20))])
    right = learning.ones(np.array([0, 0, 0, 1]), np.array([0, 5, 10, 3]), (2, 20), np.arange(20))
    found = evaluating.scored(lists, right, 0.0)
    ideal = 1 + 1 / np.log2(3) + 1 / np.log2(4)
    assert found.ndcg == pytest.approx((1 + 1 / np.log2(4)) / ideal / 2)
    assert found.recall == pytest.approx(2 / 3 / 2)
    assert found.coverage == 12 / 20


def test_ease_is_the_closed_form() -> None:
    likes, books = planted(), np.arange(1000, 1000 + TASTES * BOOKS)
    read = learning.read_matrix(likes, books)
    found = learning.ease(read, Traits(), books, 7)
    dense = read.toarray().astype(np.float64)
    inverse = np.linalg.inv(dense.T @ dense + learning.RIDGE * np.eye(len(books)))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    # By their scores: which of two that are nearly as good comes first is a matter of rounding.
    assert found.scores[:, 0] == pytest.approx(weights.max(axis=1), rel=1e-3)
    there = np.take_along_axis(weights, found.places, axis=1)
    assert found.scores == pytest.approx(np.maximum(there, 0), rel=1e-3, abs=1e-6)


def test_what_books_have_in_common_counts_where_nobody_has_read_them() -> None:
    likes, traits = planted(), Traits()
    for book in (1, 2):
        traits.add("author", book, "Somebody")
    traits.add_title(3, "One (Their Series, #1)")
    traits.add_title(4, "Two (Their Series #2)")
    found = learning.learn(likes, traits, [1, 2, 3, 4, 5, *range(1000, 1120)], 5)
    first = {book: near for book, rank, near, _ in found.rows() if rank == 1}
    assert {book: first.get(book) for book in range(1, 6)} == {1: 2, 2: 1, 3: 4, 4: 3, 5: None}


@pytest.mark.parametrize("trait", ["author", "genre", "language", None])
def test_what_one_reader_alone_read_counts_for_nothing(trait: str | None) -> None:
    likes, traits = planted(), Traits()
    one, other = 1, 2
    for book in (one, other):
        likes.add(READERS, book, 5)  # and nobody else
        if trait is not None:
            traits.add(trait, book, "The same")
    books = np.array([one, other, *range(1000, 1120)])
    found = learning.ease(learning.read_matrix(likes, books), traits, books, len(books) - 1)
    scores = {(book, near): score for book, _, near, score in found.rows()}
    if trait not in learning.CHOSEN_BY:
        assert not {(one, other), (other, one)} & set(scores)
        return
    # As by the closed form of a matrix in which the two books have only their trait in common.
    weight = learning.WEIGHTS[trait] ** 2 * np.log(len(books) / 2 + 1) / np.log(200)
    own = learning.RIDGE + 1 + weight
    assert scores[one, other] == pytest.approx(weight / own, rel=1e-3)
    both = {pair for pair in scores if one in pair or other in pair}
    assert both == {(one, other), (other, one)}


def test_lists_are_measured_without_what_one_reader_alone_made() -> None:
    likes = planted()
    for reader, book in ((READERS, 1), (READERS, 2), (READERS, 3), (READERS + 1, 3), (0, 3)):
        likes.add(reader, book, 5)
    books = np.array([1, 2, 3, *range(1000, 1120)])
    read = learning.read_matrix(likes, books)
    both = (read.T @ read).toarray()
    assert (both == 1).any()
    found = learning.cosine(read, books, len(books) - 1).matrix().toarray()
    np.fill_diagonal(both, 0)
    assert ((found > 0) == (both >= 2)).all()
