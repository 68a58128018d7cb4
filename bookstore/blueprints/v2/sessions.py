"""/me/sessions: where one is logged in."""

from typing import Any
from uuid import UUID

from bookstore import auth
from bookstore.blueprints.api import Blueprint, requires
from bookstore.schemas.v2.sessions import SessionsSchema
from bookstore.services import sessions

blp = Blueprint("sessions", __name__, description="Where one is logged in")


@blp.get("/me/sessions")
@requires("user")
@blp.response(200, SessionsSchema)
def list_sessions() -> Any:
    """List the logins that still stand, newest first."""
    return {"data": sessions.list_sessions(auth.current_actor())}


@blp.delete("/me/sessions/<uuid:session_id>")
@requires("user")
@blp.response(204)
def end_session(session_id: UUID) -> None:
    """End a login, the present one too: its tokens are refused from now on."""
    sessions.end(auth.current_actor(), str(session_id))


@blp.delete("/me/sessions")
@requires("user")
@blp.response(204)
def end_others() -> None:
    """End every login but the one that asks."""
    sessions.end_others(auth.current_actor())
