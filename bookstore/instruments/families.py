"""The figures that processes count: names, labels, what they mean (``docs/operations.md``).

Any layer above may count; none sees prometheus_client's types. Labels take few values, none of
them made of what a client sends.
"""

from bookstore import clock
from bookstore.instruments import counting
from bookstore.instruments.counting import Counter, Gauge, Histogram

_LATENCY = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_JOBS = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600)

HTTP_SECONDS = Histogram(
    "bookstore_http_request_duration_seconds",
    "Time to an answer, by route and class of status.",
    ("method", "route", "status"),
    _LATENCY,
)
HTTP_RESPONSES = Counter("bookstore_http_responses_total", "Answers, by status.", ("status",))
HTTP_IN_PROGRESS = Gauge("bookstore_http_requests_in_progress", "Requests being answered now.")

CACHE = Counter(
    "bookstore_cache_requests_total",
    "Looks into the cache: hit, miss or error.",
    ("namespace", "outcome"),
)

POOL_LIMIT = Gauge(
    "bookstore_database_pool_limit", "Connections that processes may have.", ("role",)
)
POOL_OPEN = Gauge("bookstore_database_pool_connections", "Connections that are open.", ("role",))
POOL_IN_USE = Gauge("bookstore_database_pool_in_use", "Connections that are in use.", ("role",))
POOL_WAITS = Counter(
    "bookstore_database_pool_waits_total",
    "Times that a connection had to be waited for.",
    ("role",),
)
POOL_TIMEOUTS = Counter(
    "bookstore_database_pool_timeouts_total", "Times that none came in time.", ("role",)
)
SLOW_QUERIES = Counter(
    "bookstore_database_slow_queries_total", "Statements slower than SLOW_QUERY_MS.", ("role",)
)

REPLICA_LAG = Gauge(
    "bookstore_replica_lag_seconds",
    "How far a replica is behind, as far as is known.",
    ("role", "replica"),
    mode="livemax",
)
REPLICA_READS = Counter(
    "bookstore_replica_reads_total",
    "Transactions that might read from a replica: replica or primary, or failed on the way.",
    ("role", "outcome"),
)

ORDERS_PLACED = Counter("bookstore_orders_placed_total", "Orders placed.", ("currency",))
ORDERS_PAID = Counter("bookstore_orders_paid_total", "Orders paid in full.", ("currency",))
REVENUE = Counter(
    "bookstore_revenue_minor_units_total",
    "Money that paid orders brought, in the currency's smallest unit.",
    ("currency",),
)
ORDERS_REFUSED = Counter(
    "bookstore_orders_refused_total", "Orders refused, by the code of the reason.", ("reason",)
)
SOLD_OUT = Counter("bookstore_books_sold_out_total", "Books of which the last copy was sold.")
LOGINS = Counter("bookstore_logins_total", "Attempts to log in: ok or failed.", ("outcome",))

JOBS = Counter("bookstore_jobs_total", "Jobs that ended: done or failed.", ("name", "outcome"))
JOB_SECONDS = Histogram("bookstore_job_duration_seconds", "Time a job took.", ("name",), _JOBS)

STARTED = Gauge(
    "bookstore_process_start_time_seconds",
    "When the newest process of a role started, in Unix time.",
    ("role",),
    mode="livemax",
)


def note_start() -> None:
    """Note that this process begins its work now."""
    STARTED.set(counting.role, to=clock.now().timestamp())
