"""What has to be thrown away from time to time; safe at any moment and as often as one likes."""

from sqlalchemy import delete

from bookstore import clock
from bookstore.models import LoginSession
from bookstore.services import idempotency
from bookstore.unit_of_work import unit_of_work


def run() -> dict[str, int]:
    """Delete what is past its time and return how many of each."""
    return {
        "idempotency keys": idempotency.forget_old(),
        "login sessions": _forget_sessions(),
    }


def _forget_sessions() -> int:
    with unit_of_work() as session:
        gone = session.execute(
            delete(LoginSession)
            .where(LoginSession.expires_at < clock.now())
            .returning(LoginSession.id)
            .execution_options(synchronize_session=False)
        )
        return len(gone.all())
