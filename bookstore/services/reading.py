"""Reading from replicas, for those who may: whoever has just written reads what they wrote.

Nothing is read from a replica unless it is asked for here, request by request: who may come in, an
unfinished request's key, what is in stock are read from the primary.
"""

from bookstore import replicas
from bookstore.extensions import db
from bookstore.gateways import marks
from bookstore.routing import reads_since, stay_at_primary
from bookstore.services import cart_lines
from bookstore.services.actors import SYSTEM, Acting
from bookstore.unit_of_work import collect_after_commit, read_from_replicas


def begin(actor: Acting) -> None:
    """Let what this request reads from now on come from a replica, if one has what they wrote.

    One question to Redis, and none for a guest without a cart.
    """
    found = replicas.current()
    if found is None:
        return
    name = _name_of(actor)
    since = found.horizon() if name is None else marks.since(name)
    if since is not None:
        read_from_replicas(since)


def begin_report() -> None:
    """As ``begin``, in a command that has just been started and only reads.

    Takes some seconds at most, if the replicas are away.
    """
    found = replicas.current()
    if found is not None:
        found.settle()
        begin(SYSTEM)


def not_before(name: str) -> None:
    """See to it that what is read from now on has what was noted under a name, too."""
    session = db.session()
    before = reads_since(session)
    if before is None:
        return
    since = marks.since(name)
    stay_at_primary(session)
    if since is not None:
        read_from_replicas(max(before, since))


def wrote(actor: Acting) -> None:
    """Note that this actor may have written something, before they learn of it."""
    name = _name_of(actor)
    if name is not None:
        marks.put([name])


def opened_cart(token: str) -> None:
    """Note that a guest has a cart now."""
    marks.put([_cart(token)])


def concerns(user_id: int) -> None:
    """Have a user read what the present unit of work writes, once it has committed: it is told
    to them, or asked for in their name."""
    if replicas.current() is not None:
        collect_after_commit(_concerned, user_id)


def states() -> dict[str, str]:
    """Return "ok" or what is wrong, of each replica, by its number; empty when there are none."""
    found = replicas.current()
    return {} if found is None else found.states()


def _concerned(user_ids: list[int]) -> None:
    marks.put(_user(user_id) for user_id in user_ids)


def _name_of(actor: Acting) -> str | None:
    if actor.id is not None:
        return _user(actor.id)
    token = getattr(actor, "cart_token", None)
    return None if token is None else _cart(token)


def _user(user_id: int) -> str:
    return f"user:{user_id}"


def _cart(token: str) -> str:
    # Keys can be read, and who knows the token has the cart.
    return f"cart:{cart_lines.hash_token(token)}"
