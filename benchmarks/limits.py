"""What gives way as a shop grows, and at how many orders a second: arithmetic for ``capacity``.

What one process or machine can take is of two kinds. What the shop does to it was measured; how
large it can be had, and how customers behave, is assumed here, and written into the table.
"""

from dataclasses import dataclass

BUSY = 0.6  # of a core: beyond that, queues grow
FOLLOWED = 300.0  # seconds that somebody looks on, on average

HOTTEST = 0.05  # of all orders have the book that everybody wants
CONNECTIONS = 300  # that PostgreSQL is well with
A_PROCESS = 11  # of them: WEB_THREADS and three more
PRIMARY_CORES = 64
WAL_MB = 100  # a second, that disks and replicas keep up with
RECEIVER = 100  # webhooks a second, by one receiver that takes 100 ms
EVENTS = 2  # of an order, that one receiver gets: created and paid
SOCKETS = 1_000_000  # a hundred processes, each of which reads each change


@dataclass(frozen=True, slots=True)
class Costs:
    """CPU milliseconds of one order and all the requests that come with it, by who spends them."""

    shop_ms: float
    database_ms: float
    redis_ms: float


@dataclass(frozen=True, slots=True)
class Book:
    """What an order does to the database: see ``benchmarks.hot_book``."""

    held_ms: float
    wal_bytes: int
    kept_bytes: int


@dataclass(frozen=True, slots=True)
class Limit:
    """Something that ends: ``orders`` a second are the most with it."""

    name: str
    what: str
    orders: float


def limits(each: Costs, book: Book) -> list[Limit]:
    """Return what gives way, the first first.

    Args:
        each: the costs of an order.
        book: what it does to the database.
    """

    def cores(many: float, milliseconds: float) -> float:
        return many * BUSY * 1000 / milliseconds

    found = [
        Limit(
            "one book",
            f"its row, if {HOTTEST:.0%} of all orders want it",
            1000 / book.held_ms * BUSY / HOTTEST,
        ),
        Limit(
            "connections",
            f"{CONNECTIONS} without PgBouncer, {A_PROCESS} a web process",
            cores(CONNECTIONS / A_PROCESS, each.shop_ms),
        ),
        Limit("the primary", f"{PRIMARY_CORES} cores", cores(PRIMARY_CORES, each.database_ms)),
        Limit("WAL", f"{WAL_MB} MB a second", WAL_MB * 1e6 / book.wal_bytes),
        Limit(
            "a receiver",
            f"{RECEIVER} webhooks a second, {EVENTS} an order",
            RECEIVER / EVENTS,
        ),
        Limit("Redis", "one core", cores(1, each.redis_ms)),
        Limit("sockets", f"{SOCKETS:,} that hear of each change", SOCKETS / FOLLOWED),
    ]
    return sorted(found, key=lambda limit: limit.orders)


def first(found: list[Limit], orders: float) -> str:
    """Return what has given way at so many orders a second, the first first; or nothing."""
    return ", ".join(limit.name for limit in found if limit.orders < orders) or "nothing"


def table(found: list[Limit]) -> list[str]:
    """Return the lines of a Markdown table."""
    return [
        "| what gives way | what there is of it | at so many orders a second |",
        "| --- | --- | --- |",
        *(f"| {limit.name} | {limit.what} | {limit.orders:,.0f} |" for limit in found),
    ]
