"""Words that were never before: ids of requests and versions of the cache, none of them a secret.

The system's own random numbers would be asked for at each request, and each time a thread of a busy
process lets another one run. These are as long, and begin at such a number.
"""

import os
import random

LENGTH = 16

_chance = random.Random()  # noqa: S311  # nosec B311
os.register_at_fork(after_in_child=_chance.seed)


def new() -> str:
    """Return sixteen hex digits."""
    return f"{_chance.getrandbits(64):016x}"
