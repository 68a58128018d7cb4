"""API v1, deprecated: the shape of a Django REST Framework bookstore over the services of v2."""

from bookstore.blueprints.v1 import (
    cart,
    catalog,
    orders,
    payments,
    records,
    reviews,
    tokens,
    wishlist,
)

BLUEPRINTS = (
    catalog.blp,
    records.blp,
    reviews.blp,
    cart.blp,
    wishlist.blp,
    orders.blp,
    payments.blp,
)
# Below /api, without a version.
UNVERSIONED = (tokens.blp,)
