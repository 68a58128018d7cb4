"""How good recommendations are on real ratings, where these are beside the project."""

from pathlib import Path

import pytest

from bookstore.services.recommending import evaluating, fitting, ratings

GOODBOOKS = Path(__file__).parents[3] / "shared/data/goodbooks"

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(not GOODBOOKS.exists(), reason="needs goodbooks beside the project"),
]


def test_lists_are_far_better_than_the_best_sellers() -> None:
    files = ratings.Files(GOODBOOKS / "ratings.csv.gz")
    likes, traits = ratings.read(files.ratings).likes, ratings.traits(files)
    popular, counts, ease = evaluating.evaluate(likes, traits, (21,), fitting.NEIGHBOURS)
    assert 0.07 < popular.mean("ndcg") < 0.09
    assert counts.mean("ndcg") > 0.19
    assert ease.mean("ndcg") > 0.24
    assert ease.mean("coverage") > 0.3
