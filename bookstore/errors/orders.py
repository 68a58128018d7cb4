"""Refusals about carts and orders."""

from bookstore.errors.base import Conflict


class CartEmpty(Conflict):
    """The cart is empty.

    Put a book into the cart first. After an order the cart is empty: look whether there is one
    already.
    """

    code = "cart_empty"


class QuantityLimit(Conflict):
    """A cart line holds at most 999 copies.

    Send a smaller quantity.
    """

    code = "quantity_limit"


class CartLimit(Conflict):
    """A cart holds at most 200 different books.

    Remove lines, or order in two parts.
    """

    code = "cart_limit"


class BookUnavailable(Conflict):
    """The book cannot be bought at present.

    Take it out of the cart; its `status` says whether it may come back.
    """

    code = "book_unavailable"


class OutOfStock(Conflict):
    """Some books are not in stock in the quantity asked for; see items.

    Lower the quantities to what `items` says is available, or remove the lines.
    """

    code = "out_of_stock"


class TotalChanged(Conflict):
    """The total is not the expected one; see expected_total and total_amount.

    Show the new total, and order again with it as `expected_total` if the buyer agrees.
    """

    code = "total_changed"


class InvalidTransition(Conflict):
    """The order cannot move from its present status to that one.

    Read the order: its `status` says what has happened meanwhile.
    """

    code = "invalid_transition"
