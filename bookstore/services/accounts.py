"""Accounts: register, log in, stay logged in, leave."""

from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, selectinload

from bookstore import clock, errors, selecting
from bookstore.extensions import db
from bookstore.gateways import pubsub
from bookstore.models import LoginSession, Order, Review, User
from bookstore.models.accounts import actor_label
from bookstore.prepared import Prepared
from bookstore.services import (
    account_end,
    attempts,
    cart,
    cart_lines,
    email_verification,
    idempotency,
    passwords,
    sessions,
    totp,
    wishlist,
)
from bookstore.services.actors import Acting, Actor, require_user
from bookstore.services.sessions import Login, Origin
from bookstore.unit_of_work import collect_after_commit, new_snapshot, unit_of_work

_UNKNOWN = Origin()
_WHO = Prepared(
    select(User.id, User.username, User.is_staff, User.is_premium)
    .join(LoginSession, LoginSession.user_id == User.id)
    .where(
        User.id == bindparam("user_id"),
        User.is_active,
        LoginSession.id == bindparam("session_id"),
        LoginSession.revoked_at.is_(None),
    )
)
_NOT_CURRENT = {"current_password": ["Not the account's present password."]}


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
    is_verified: bool = False,
) -> User:
    """Make an account and return it; its address is sent a mail unless it is known to be good.

    Raises:
        UsernameTaken, EmailTaken: there is one already (compared without regard to case).
        Invalid: the password is one of the first to be guessed.
        LoginsBusy: too many passwords are being hashed.
    """
    passwords.check(password, username, email)
    password_hash = passwords.make_hash(password)
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
            email_verified_at=clock.now() if is_verified else None,
        )
        _refuse_taken(session, user)
        session.add(user)
        if not is_verified:
            email_verification.send(session, user)
        _flush_unique(session, user)
        idempotency.belongs_to(user.id)
    return user


@attempts.counted("login", by="username")
def log_in(
    username: str,
    password: str,
    *,
    code: str | None = None,
    origin: Origin = _UNKNOWN,
    cart_token: str | None = None,
    staff_only: bool = False,
    lasts: timedelta = sessions.REFRESH_LIFETIME,
) -> Login:
    """Check a password, open a session, and merge the guest cart of ``cart_token`` if given.

    Args:
        username: in any case.
        password: the account's.
        code: of the second factor, if the account has one.
        origin: where the login comes from, for the list of sessions.
        cart_token: a guest's.
        staff_only: whether the login is for staff alone.
        lasts: how long it stands unless it is refreshed.

    Raises:
        BadCredentials: no such user or another password; the two look the same.
        TotpRequired, TotpInvalid: the password is right, the code is missing or not good.
        Forbidden: all of it is right, and it is nobody of the staff's.
        LoginsBusy: too many passwords are being checked.
    """
    passwords.require_room()
    found = db.session.execute(
        select(User.id, User.password_hash).where(
            User.username_key == username.casefold(), User.is_active
        )
    ).first()
    # Nobody waits for a turn with a connection in hand.
    new_snapshot()
    good, rehash = passwords.verify(password, found.password_hash if found else None)
    if found is None or not good:
        raise errors.BadCredentials
    with unit_of_work() as session:
        # Checking takes long, and meanwhile the account may have a new password, or be no more:
        # whoever ends its logins under this lock has ended this one too.
        if passwords.locked_hash(session, found.id) != found.password_hash:
            raise errors.BadCredentials
        # In one transaction with the session, so that of two with one code only one has both.
        secret = totp.secret_of(session, found.id)
        if secret is not None and code is None:
            raise errors.TotpRequired
        if secret is not None and not totp.take(session, found.id, secret, code or ""):
            raise errors.TotpInvalid
        if staff_only and not session.scalar(select(User.is_staff).where(User.id == found.id)):
            raise errors.Forbidden("Only staff may log in here.")
        if rehash is not None:
            session.execute(update(User).where(User.id == found.id).values(password_hash=rehash))
        login = sessions.start(session, found.id, origin, lasts)
        if cart_token:
            cart_lines.merge_guest(session, cart_token, found.id)
    return login


def authenticate(user_id: int, session_id: str) -> Actor:
    """Return who an access token stands for, as the database knows them now (one statement).

    Raises:
        TokenRevoked: the session was revoked, or the account is gone.
    """
    who = {"user_id": user_id, "session_id": session_id}
    row = selecting.run(db.session(), _WHO, who).first()
    if row is None:
        raise errors.TokenRevoked
    label = actor_label(row.id, row.is_staff)
    return Actor(row.id, label, row.is_staff, row.is_premium, session_id, name=row.username)


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
        Invalid: a new password (or email) without the right ``current_password``; or the new
            password is one of the first to be guessed.
        LoginsBusy: too many passwords are being hashed.
        RateLimited: it comes too soon after wrong ones.
    """
    changes = dict(changes)
    current, password = changes.pop("current_password", None), changes.pop("password", None)
    checked = password_hash = None
    if password is not None or "email" in changes:
        me = get(actor)
        checked = me.password_hash
        with attempts.proving(me.id):
            if current is None or not passwords.verify(current, checked)[0]:
                raise errors.Invalid(_NOT_CURRENT)
        if password is not None:
            names = [changes.get(name, getattr(me, name)) for name in ("username", "email")]
            passwords.check(password, *names)
            password_hash = passwords.make_hash(password)
    with unit_of_work() as session:
        user = _locked(session, require_user(actor))
        if checked is not None and user.password_hash != checked:
            raise errors.Invalid(_NOT_CURRENT)  # any more
        before, before_key = user.email, user.email_key
        for name, value in changes.items():
            setattr(user, name, value)
        user.username_key = _key("username", user.username, 64)
        user.email_key = _key("email", user.email, 254)
        _refuse_taken(session, user)
        if user.email_key != before_key:
            email_verification.address_changed(session, user, before)
        if password_hash is not None:
            user.password_hash = password_hash
        _flush_unique(session, user)
        if password_hash is not None:
            sessions.end_others(actor, "password changed")
    return user


def promote(username: str, *, is_staff: bool | None = None, is_premium: bool | None = None) -> User:
    """Give or take rights of a user (or NotFound); they hold from the next request on."""
    with unit_of_work() as session:
        user = _locked(session, find(username).id)
        if is_staff is not None:
            user.is_staff = is_staff
        if is_premium is not None:
            user.is_premium = is_premium
        # Whoever may no longer follow another's order goes on no longer.
        collect_after_commit(pubsub.logins_changed, user.id)
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
        user.password_hash = "!"  # matches no password  # nosec B105
        user.email_verified_at = None
        user.is_active = user.is_staff = user.is_premium = False
        account_end.forget(session, user.id)


def export(actor: Acting) -> dict[str, Any]:
    """Return everything the shop holds about the acting user."""
    user = get(actor)
    orders = select(Order).where(Order.user_id == user.id).order_by(Order.id.desc())
    reviews = select(Review).where(Review.user_id == user.id).order_by(Review.id.desc())
    basket = cart.get(actor)
    return {
        "user": user,
        "orders": db.session.scalars(orders.options(selectinload(Order.items))).all(),
        "reviews": db.session.scalars(reviews).all(),
        "cart": basket["items"],
        "cart_coupons": basket["coupons"],
        "wishlist": wishlist.get(actor)["items"],
        **account_end.export(actor),
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
