"""API v2, the current one: the modules in the order their sections have in the document."""

from bookstore.blueprints.v2 import (
    accounts,
    cart,
    catalog,
    coupons,
    notifications,
    orders,
    payments,
    records,
    reports,
    reviews,
    sandbox,
    shipping,
    sockets,
    taxes,
    webhooks,
    wishlist,
)

BLUEPRINTS = (
    accounts.blp,
    catalog.blp,
    records.blp,
    reviews.blp,
    cart.blp,
    wishlist.blp,
    coupons.blp,
    orders.blp,
    shipping.blp,
    taxes.blp,
    payments.blp,
    sandbox.blp,
    sockets.blp,
    notifications.blp,
    reports.blp,
    webhooks.blp,
)
