"""What the other parts of the shop ask the users part: here, or over HTTP where it is.

Whoever asks cannot tell which, but for the time it takes, and for ``PartUnavailable``.
"""

from bookstore import errors
from bookstore.extensions import db
from bookstore.gateways import peers
from bookstore.gateways.peer_values import PeerUser
from bookstore.models import User


def get_user(user_id: int) -> PeerUser:
    """Return who a user is; one whose account is gone is not active.

    Raises:
        NotFound: there never was one.
        PartUnavailable: the users part does not answer.
    """
    remote = peers.users()
    return read_user(user_id) if remote is None else remote.get_user(user_id)


def read_user(user_id: int) -> PeerUser:
    """Return who a user is, as the database knows them; raises NotFound."""
    user = db.session.get(User, user_id, populate_existing=True)
    if user is None:
        raise errors.NotFound(f"There is no user {user_id}.")
    return PeerUser(
        user.id, user.username, user.email, user.first_name, user.last_name, user.is_active
    )
