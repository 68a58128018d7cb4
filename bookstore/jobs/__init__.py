"""What RQ and the scheduler run: each re-reads, calls services, and is safe to run twice."""

from bookstore.jobs.covers import look_after_covers, make_cover
from bookstore.jobs.money import (
    drop_payments,
    look_after_payments,
    process_order_payment,
    reconcile_payments,
    send_order_confirmation_email,
    send_refunds,
)
from bookstore.jobs.recurring import fit_recommendations, maintain, report
from bookstore.jobs.watched import (
    bulk_update_prices,
    generate_book_report,
    look_after_jobs,
    run_job,
)
from bookstore.services import channels, outgoing_upkeep, sales_folding, sandbox

__all__ = [
    "bulk_update_prices",
    "deliver_sandbox_events",
    "drain",
    "drop_payments",
    "fit_recommendations",
    "fold_sales",
    "generate_book_report",
    "look_after_covers",
    "look_after_jobs",
    "look_after_payments",
    "maintain",
    "make_cover",
    "process_order_payment",
    "reconcile_payments",
    "report",
    "run_job",
    "send_order_confirmation_email",
    "send_refunds",
    "sweep",
    "upkeep",
]


def drain() -> None:
    """Send what is due, by every channel."""
    channels.drain()


def sweep(clock_jumped: bool = False) -> None:
    """Wake a worker if something is due; ``clock_jumped``: mend what waits for a wrong time.

    Raises:
        redis.RedisError: something is due and Redis is away.
    """
    outgoing_upkeep.sweep(clock_jumped=clock_jumped)


def upkeep() -> None:
    """Look after endpoints that fail and deliveries that are held; once a minute."""
    outgoing_upkeep.watch_endpoints()
    outgoing_upkeep.expire_held()


def fold_sales() -> None:
    """Add what was sold to the sums that reports read; once a minute."""
    sales_folding.fold()


def deliver_sandbox_events() -> None:
    """Send what the stand-in for Stripe has to tell the shop and could not at once."""
    sandbox.deliver()
