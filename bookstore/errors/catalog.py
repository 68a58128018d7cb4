"""Refusals about books and their records, reviews, wishlists, and changes that cross."""

from bookstore.errors.base import BookstoreError, Conflict


class BookInOrders(Conflict):
    """The book stands in an order and cannot be deleted.

    Set its `stock` to 0 and its `status` to `out_of_stock` instead; orders keep showing it.
    """

    code = "book_in_orders"


class IsbnTaken(Conflict):
    """Another book has this ISBN.

    Find the other book (GET /books?q=…), or correct the ISBN.
    """

    code = "isbn_taken"


class SkuTaken(Conflict):
    """Another book has this SKU.

    Choose another SKU, or send none: the shop makes one.
    """

    code = "sku_taken"


class SlugTaken(Conflict):
    """Another category has this slug.

    Choose another slug or name.
    """

    code = "slug_taken"


class NameTaken(Conflict):
    """Another record has this name.

    Use the record that there is, or choose another name.
    """

    code = "name_taken"


class HasBooks(Conflict):
    """There are books that refer to it, so it cannot be deleted.

    Move its books to another record first.
    """

    code = "has_books"


class AlreadyReviewed(Conflict):
    """You have reviewed this book already.

    Change the review that there is (PATCH).
    """

    code = "already_reviewed"


class AlreadyInWishlist(Conflict):
    """The book is on your wishlist already.

    Nothing to do, or change its notes (PATCH).
    """

    code = "already_in_wishlist"


class PreconditionFailed(BookstoreError):
    """The resource has changed since the version named in If-Match.

    Read it anew, put the change into what it says now, and send that with the new `ETag`.
    """

    code = "precondition_failed"
    title = "Precondition failed"


class PreconditionRequired(BookstoreError):
    """Send If-Match with the ETag of the version you are changing.

    Read it first (GET) and send the `ETag` of the answer as `If-Match`.
    """

    code = "precondition_required"
    title = "Precondition required"
