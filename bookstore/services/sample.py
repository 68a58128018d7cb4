"""What a fresh shop is filled with outside production: real books and two known users."""

from sqlalchemy import select

from bookstore import errors
from bookstore.extensions import db
from bookstore.models import Book, User
from bookstore.services import accounts, catalog_import
from bookstore.services.actors import SYSTEM

# (name, password, role). Known to everybody who reads this: never made in production.
DEMO_USERS = (("reader", "reader-demo-1", "reader"), ("clerk", "clerk-demo-1", "staff"))


def load_if_empty() -> int | None:
    """Load the sample catalogue and demo users; return the number of books, or None if there
    were books or users already."""
    if db.session.scalar(select(Book.id).limit(1)) or db.session.scalar(select(User.id).limit(1)):
        return None
    report = catalog_import.load_sample(SYSTEM)
    for name, password, role in DEMO_USERS:
        try:
            email = f"{name}@bookstore.example"
            accounts.register(name, email, password, is_staff=role == "staff", is_verified=True)
        except errors.Conflict:
            continue
    return report.created
