"""What a fresh shop is filled with outside production: real books and two known users."""

from sqlalchemy import select

from bookstore import errors
from bookstore.extensions import db
from bookstore.models import Book, User
from bookstore.services import accounts, catalog_import
from bookstore.services.actors import SYSTEM

# (name, password, role). Known to everybody who reads this: never made in production.
DEMO_USERS = (("reader", "reader-demo-1", "reader"), ("clerk", "clerk-demo-1", "staff"))


def is_wanted() -> bool:
    """Whether the shop is empty: neither a book nor a user is there."""
    books, users = select(Book.id).limit(1), select(User.id).limit(1)
    return db.session.scalar(books) is None and db.session.scalar(users) is None


def demo_users_here() -> list[tuple[str, str, str]]:
    """Return those of DEMO_USERS that this shop has; their passwords may be others by now."""
    names = [name for name, _, _ in DEMO_USERS]
    here = set(db.session.scalars(select(User.username).where(User.username.in_(names))))
    return [each for each in DEMO_USERS if each[0] in here]


def load_if_empty() -> int | None:
    """Load the sample catalogue and demo users; return the number of books, or None if there
    were books or users already."""
    if not is_wanted():
        return None
    report = catalog_import.load_sample(SYSTEM)
    for name, password, role in DEMO_USERS:
        try:
            email = f"{name}@bookstore.example"
            accounts.register(name, email, password, is_staff=role == "staff", is_verified=True)
        except errors.Conflict:
            continue
    return report.created
