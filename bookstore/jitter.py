"""Waits that differ a little, so that what failed together does not come back together."""

import os
import random
from datetime import timedelta
from typing import TypeVar

Wait = TypeVar("Wait", float, timedelta)

# Not the numbers that everybody draws from: who seeds those gets the same ones again, whatever
# threads do meanwhile.
_chance = random.Random()  # noqa: S311  # nosec B311
os.register_at_fork(after_in_child=_chance.seed)


def spread(wait: Wait, part: float) -> Wait:
    """Return a wait, seconds or a ``timedelta``, longer or shorter by up to ``part`` of it."""
    return wait * _chance.uniform(1 - part, 1 + part)
