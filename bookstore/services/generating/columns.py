"""Which columns the rows of ``rows`` have; all others keep their defaults.

A COPY knows only the database's defaults, so every column without one is here.
"""

from bookstore.models import (
    Author,
    Book,
    Category,
    Order,
    Publisher,
    ShoppingCart,
    User,
)

NUMBERED = tuple(
    model.__table__ for model in (User, Category, Publisher, Author, Book, Order, ShoppingCart)
)

OF: dict[str, tuple[str, ...]] = {
    name: tuple(columns.split())
    for name, columns in {
        "users": "id username username_key email email_key password_hash first_name last_name"
        " created_at updated_at",
        "categories": "id name slug name_sort description version created_at updated_at",
        "publishers": "id name name_sort version created_at updated_at",
        "authors": "id first_name last_name name_sort biography version created_at updated_at",
        "books": "id title title_sort subtitle isbn sku description pages language"
        " publication_date status price stock sold rating_sum rating_count popularity author_id"
        " publisher_id version created_at updated_at",
        "book_authors": "book_id author_id position",
        "book_categories": "book_id category_id",
        "stock_movements": "book_id delta reason order_id actor at",
        "reviews": "book_id user_id rating title comment created_at updated_at",
        "orders": "id number user_id status payment_status subtotal discount shipping tax"
        " tax_included tax_lines discounts total_amount currency shipping_method shipping_address"
        " paid_at stock_returned version created_at updated_at",
        "order_items": "order_id book_id title isbn quantity price",
        "order_events": "order_id from_status to_status actor note at",
        "payments": "order_id attempt is_live customer_id intent_id amount currency status"
        " amount_received amount_refunded amount_withdrawn is_unwanted created_at updated_at",
        "shopping_carts": "id user_id version created_at updated_at",
        "cart_items": "cart_id book_id quantity seen_price added_at",
    }.items()
}
