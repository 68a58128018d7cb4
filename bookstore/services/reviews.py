"""Reviews: one per reader and book; the book's rating is kept up with each."""

from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, contains_eager

from bookstore import errors
from bookstore.extensions import db
from bookstore.models import Book, Review, User
from bookstore.services import catalog_cache, events, paging
from bookstore.services.actors import Acting, require_user
from bookstore.services.paging import Order, Page, PageRequest
from bookstore.unit_of_work import unit_of_work


def list_reviews(
    book_id: int | None, page: PageRequest, *, user_id: int | None = None, rating: int | None = None
) -> Page:
    """Return one page of a book's reviews, newest first.

    Args:
        book_id: whose; None: of all books.
        page: how many, from where.
        user_id: only this user's.
        rating: only those with so many stars.

    Raises:
        NotFound: there is no such book.
    """
    tests = ((Review.book_id, book_id), (Review.user_id, user_id), (Review.rating, rating))
    which = [column == value for column, value in tests if value is not None]
    query = _with_users().where(*which)
    ids = select(Review.id).where(*which)
    order = Order("-created", Review.id, Review.id, True, paging.parse_int)
    found = paging.fetch(db.session(), query, order, page, ids)
    if not found.data and book_id is not None:
        _require_book(db.session(), book_id)
    return found.of([row[1] for row in found.data])


def get(review_id: int) -> Review:
    """Return a review.

    Raises:
        NotFound: there is none.
    """
    row = db.session.execute(_with_users().where(Review.id == review_id)).first()
    if row is None:
        raise errors.NotFound(f"There is no review {review_id}.")
    review: Review = row[1]
    return review


def post(actor: Acting, book_id: int, rating: int, title: str = "", comment: str = "") -> Review:
    """Post the actor's review.

    Raises:
        NotFound: there is no such book.
        AlreadyReviewed: the actor has reviewed it.
    """
    with unit_of_work() as session:
        # The book first: inserting takes a weak lock on it, and to upgrade one is a deadlock.
        _rate(session, book_id, rating, 1)
        review = Review(
            book_id=book_id,
            user_id=require_user(actor),
            rating=rating,
            title=title,
            comment=comment,
        )
        session.add(review)
        try:
            session.flush()
        except IntegrityError:
            raise errors.AlreadyReviewed from None
        session.refresh(review, ["user"])
        events.record(
            "review.posted",
            {
                "review_id": review.id,
                "book_id": book_id,
                "user_id": review.user_id,
                "rating": rating,
            },
            aggregate_id=review.id,
            sequence=events.first_sequence(session),
        )
    return review


def update_review(
    actor: Acting, book_id: int | None, review_id: int, changes: dict[str, Any]
) -> Review:
    """Change the actor's own review (of that book, if one is given); NotFound for another's."""
    with unit_of_work() as session:
        review = _own(session, actor, book_id, review_id)
        before = review.rating
        for name, value in changes.items():
            setattr(review, name, value)
        _rate(session, review.book_id, review.rating - before, 0)
        session.flush()
        session.refresh(review, ["user"])
    return review


def delete_review(actor: Acting, book_id: int | None, review_id: int) -> None:
    """Remove the actor's own review (staff: anybody's)."""
    with unit_of_work() as session:
        review = _own(session, actor, book_id, review_id, staff_too=True)
        session.delete(review)
        _rate(session, review.book_id, -review.rating, -1)


def _with_users() -> Any:
    return (
        select(Review.id, Review)
        .join(Review.user)
        .options(contains_eager(Review.user).load_only(User.username))
    )


def _own(
    session: Session,
    actor: Acting,
    book_id: int | None,
    review_id: int,
    *,
    staff_too: bool = False,
) -> Review:
    query = select(Review).where(Review.id == review_id)
    if book_id is not None:
        query = query.where(Review.book_id == book_id)
    user_id = require_user(actor)
    if not (staff_too and actor.is_staff):
        query = query.where(Review.user_id == user_id)
    # The book first, as in ``post``: whoever posts anew while this deletes would wait for it, and
    # it for them.
    theirs = query.with_only_columns(Review.book_id).scalar_subquery()
    session.execute(select(Book.id).where(Book.id == theirs).with_for_update(key_share=True))
    review = session.scalar(query.with_for_update().execution_options(populate_existing=True))
    if review is None:
        raise errors.NotFound(f"There is no review {review_id} of yours.")
    return review


def _rate(session: Session, book_id: int, sum_change: int, count_change: int) -> None:
    found = session.execute(
        update(Book)
        .where(Book.id == book_id)
        .values(
            rating_sum=Book.rating_sum + sum_change,
            rating_count=Book.rating_count + count_change,
            # Not an edit of the book: its version and updated_at stay.
            updated_at=Book.updated_at,
        )
        .returning(Book.id)
        .execution_options(synchronize_session=False)
    ).first()
    if found is None:
        raise errors.NotFound(f"There is no book {book_id}.")
    catalog_cache.changed()


def _require_book(session: Session, book_id: int) -> None:
    if not session.scalar(select(func.count()).where(Book.id == book_id)):
        raise errors.NotFound(f"There is no book {book_id}.")
