"""What is said of sums that are not those of the orders; ``book_checks`` has the list."""

from typing import Any

from bookstore import money

_MEND = "; flask reports recount puts it right"


def tell_day(row: Any) -> str:
    """Say what is wrong with the sums of a day."""
    amount = money.with_code(int(row.amount), row.currency)
    said = f"{int(row.orders):+d} orders, {int(row.paid):+d} paid, {amount}"
    return f"sales of {row.day} {row.status}: off by {said}{_MEND}"


def tell_book(row: Any) -> str:
    """Say what is wrong with the sums of a book on a day."""
    return f"sales of book {row.book_id} on {row.day}: off by {_copies(row)}{_MEND}"


def tell_total(row: Any) -> str:
    """Say what is wrong with the total of a book."""
    return f"sales of book {row.book_id}: its days are {_copies(row)} apart from it{_MEND}"


def _copies(row: Any) -> str:
    return f"{int(row.copies):+d} copies, {money.with_code(int(row.amount), row.currency)}"
