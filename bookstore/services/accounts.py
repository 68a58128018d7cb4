"""Accounts: register, log in, stay logged in, leave."""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, selectinload

from bookstore import clock, errors
from bookstore.extensions import db
from bookstore.models import LoginSession, Order, Review, ShoppingCart, User, WishList
from bookstore.models.accounts import actor_label
from bookstore.services import api_keys, attempts, cart, cart_lines, notifications, wishlist
from bookstore.services.actors import Acting, Actor, require_user
from bookstore.services.passwords import HASHER
from bookstore.unit_of_work import unit_of_work

REFRESH_LIFETIME = timedelta(days=30)

# Checked against when the user is unknown, so that both cases take the same time.
_NOBODY = HASHER.hash(uuid.uuid4().hex)


@dataclass(frozen=True, slots=True)
class Login:
    """A login: who, by which session (token family), and the id of its good refresh token."""

    user_id: int
    session_id: str
    refresh_jti: str


@attempts.counted("register", by="username")
def register(
    username: str,
    email: str,
    password: str,
    *,
    first_name: str = "",
    last_name: str = "",
    is_staff: bool = False,
    is_premium: bool = False,
) -> User:
    """Make an account and return it.

    Raises:
        UsernameTaken, EmailTaken: there is one already (compared without regard to case).
    """
    password_hash = HASHER.hash(password)
    with unit_of_work() as session:
        user = User(
            username=username,
            username_key=_key("username", username, 64),
            email=email,
            email_key=_key("email", email, 254),
            password_hash=password_hash,
            first_name=first_name,
            last_name=last_name,
            is_staff=is_staff,
            is_premium=is_premium,
        )
        _refuse_taken(session, user)
        session.add(user)
        _flush_unique(session, user)
    return user


@attempts.counted("login", by="username")
def log_in(username: str, password: str, *, cart_token: str | None = None) -> Login:
    """Check a password, open a session, and merge the guest cart of ``cart_token`` if given.

    Raises:
        BadCredentials: no such user or another password; the two look the same.
    """
    found = db.session.execute(
        select(User.id, User.password_hash).where(
            User.username_key == username.casefold(), User.is_active
        )
    ).first()
    good, rehash = HASHER.verify_and_update(password, found.password_hash if found else _NOBODY)
    if found is None or not good:
        raise errors.BadCredentials
    with unit_of_work() as session:
        if rehash is not None:
            session.execute(update(User).where(User.id == found.id).values(password_hash=rehash))
        login = LoginSession(
            id=str(uuid.uuid4()),
            user_id=found.id,
            refresh_jti=str(uuid.uuid4()),
            expires_at=clock.now() + REFRESH_LIFETIME,
        )
        session.add(login)
        if cart_token:
            cart_lines.merge_guest(session, cart_token, found.id)
    return Login(found.id, login.id, login.refresh_jti)


def refresh(session_id: str, refresh_jti: str) -> Login:
    """Exchange the family's newest refresh token for the next.

    Raises:
        TokenReused: it was exchanged before; the whole family is revoked.
        TokenRevoked: the family is revoked or expired, or the account is gone.
    """
    now, fresh = clock.now(), str(uuid.uuid4())
    with unit_of_work() as session:
        user_id = session.execute(
            update(LoginSession)
            .where(
                LoginSession.id == session_id,
                LoginSession.refresh_jti == refresh_jti,
                LoginSession.revoked_at.is_(None),
                LoginSession.expires_at > now,
                LoginSession.user_id.in_(select(User.id).where(User.is_active)),
            )
            .values(refresh_jti=fresh, expires_at=now + REFRESH_LIFETIME)
            .returning(LoginSession.user_id)
            .execution_options(synchronize_session=False)
        ).scalar_one_or_none()
        if user_id is not None:
            return Login(user_id, session_id, fresh)
        known = session.execute(
            select(LoginSession.refresh_jti, LoginSession.revoked_at).where(
                LoginSession.id == session_id
            )
        ).first()
        reused = known is not None and known.refresh_jti != refresh_jti
        if reused:
            revoke(session, LoginSession.id == session_id, "refresh token reused")
    # Raised outside: the revocation has to be committed.
    raise errors.TokenReused if reused else errors.TokenRevoked


def log_out(actor: Acting, session_id: str) -> None:
    """Revoke a session of the actor's: its tokens of both kinds are refused from now on."""
    own = (LoginSession.id == session_id) & (LoginSession.user_id == require_user(actor))
    with unit_of_work() as session:
        revoke(session, own, "logout")


def authenticate(user_id: int, session_id: str) -> Actor:
    """Return who an access token stands for, as the database knows them now (one statement).

    Raises:
        TokenRevoked: the session was revoked, or the account is gone.
    """
    row = db.session.execute(
        select(User.id, User.username, User.is_staff, User.is_premium)
        .join(LoginSession, LoginSession.user_id == User.id)
        .where(
            User.id == user_id,
            User.is_active,
            LoginSession.id == session_id,
            LoginSession.revoked_at.is_(None),
        )
    ).first()
    if row is None:
        raise errors.TokenRevoked
    return Actor(
        row.id, actor_label(row.id, row.is_staff), row.is_staff, row.is_premium, session_id
    )


def get(actor: Acting) -> User:
    """Return the acting user's own account."""
    user = db.session.get(User, require_user(actor))
    if user is None:
        raise errors.Unauthenticated
    return user


def find(username: str) -> User:
    """Return the user of that name (any case); NotFound when there is none."""
    user = db.session.scalar(select(User).where(User.username_key == username.casefold()))
    if user is None:
        raise errors.NotFound(f"There is no user {username!r}.")
    return user


def update_profile(actor: Acting, changes: dict[str, Any]) -> User:
    """Change one's own username, email, names or password; a new password ends other logins.

    Raises:
        UsernameTaken, EmailTaken: as in ``register``.
        Invalid: a new password (or email) without the right ``current_password``.
    """
    changes = dict(changes)
    current, password = changes.pop("current_password", None), changes.pop("password", None)
    if password is not None or "email" in changes:
        stored = get(actor).password_hash
        if current is None or not HASHER.verify(current, stored):
            raise errors.Invalid({"current_password": ["Not the account's present password."]})
    password_hash = None if password is None else HASHER.hash(password)
    with unit_of_work() as session:
        user = _locked(session, require_user(actor))
        for name, value in changes.items():
            setattr(user, name, value)
        user.username_key = _key("username", user.username, 64)
        user.email_key = _key("email", user.email, 254)
        _refuse_taken(session, user)
        if password_hash is not None:
            user.password_hash = password_hash
            keep = getattr(actor, "session_id", None) or ""
            others = (LoginSession.user_id == user.id) & (LoginSession.id != keep)
            revoke(session, others, "password changed")
        _flush_unique(session, user)
    return user


def promote(username: str, *, is_staff: bool | None = None, is_premium: bool | None = None) -> User:
    """Give or take rights of a user (or NotFound); they hold from the next request on."""
    with unit_of_work() as session:
        user = _locked(session, find(username).id)
        if is_staff is not None:
            user.is_staff = is_staff
        if is_premium is not None:
            user.is_premium = is_premium
    return user


def delete_account(actor: Acting) -> None:
    """Anonymise the acting user's account. Orders stay: the shop must keep its books."""
    with unit_of_work() as session:
        # Before what is theirs, as all who need both: an order locks its buyer, then the cart.
        user = _locked(session, require_user(actor))
        gone = f"deleted:{user.id}"  # a name nobody can register
        user.username = user.username_key = gone
        user.email = user.email_key = gone
        user.first_name = user.last_name = ""
        user.password_hash = "!"  # matches no password
        user.is_active = user.is_staff = user.is_premium = False
        session.execute(delete(ShoppingCart).where(ShoppingCart.user_id == user.id))
        session.execute(delete(WishList).where(WishList.user_id == user.id))
        notifications.forget(session, user.id)
        api_keys.forget(session, user.id)
        revoke(session, LoginSession.user_id == user.id, "account deleted")


def export(actor: Acting) -> dict[str, Any]:
    """Return everything the shop holds about the acting user."""
    user = get(actor)
    orders = select(Order).where(Order.user_id == user.id).order_by(Order.id.desc())
    reviews = select(Review).where(Review.user_id == user.id).order_by(Review.id.desc())
    return {
        "user": user,
        "orders": db.session.scalars(orders.options(selectinload(Order.items))).all(),
        "reviews": db.session.scalars(reviews).all(),
        "cart": cart.get(actor)["items"],
        "wishlist": wishlist.get(actor)["items"],
        **notifications.export(actor),
        "api_keys": api_keys.export(actor),
    }


def _key(field: str, text: str, limit: int) -> str:
    key = text.casefold()  # which can be longer: "ﬄ" becomes "ffl"
    if len(key) > limit:
        raise errors.Invalid({field: [f"Longer than {limit} characters."]})
    return key


def _locked(session: Session, user_id: int) -> User:
    user = session.get(User, user_id, with_for_update=True, populate_existing=True)
    if user is None or not user.is_active:
        raise errors.Unauthenticated
    return user


def revoke(session: Session, which: Any, why: str) -> None:
    """End logins: those of ``LoginSession`` that ``which`` says, at once."""
    session.execute(
        update(LoginSession)
        .where(which, LoginSession.revoked_at.is_(None))
        .values(revoked_at=clock.now(), revoked_for=why)
        .execution_options(synchronize_session=False)
    )


def _refuse_taken(session: Session, user: User) -> None:
    with session.no_autoflush:
        for row in session.execute(
            select(User.id, User.username_key).where(
                (User.username_key == user.username_key) | (User.email_key == user.email_key)
            )
        ):
            if row.id != user.id:
                taken = row.username_key == user.username_key
                raise errors.UsernameTaken if taken else errors.EmailTaken


def _flush_unique(session: Session, user: User) -> None:
    # Two who ask for one name at once both pass the check above; the constraint decides.
    try:
        session.flush()
    except IntegrityError as error:
        taken = "username" in str(error.orig)
        raise (errors.UsernameTaken if taken else errors.EmailTaken) from None
