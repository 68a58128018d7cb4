"""What a Stripe account holds, all of it behind one lock, and the events that tell of changes."""

import copy
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any

from stripe._api_version import _ApiVersion

from tests.fakes.stripe.cards import Card
from tests.fakes.stripe.wire import Refused, missing_resource

Object = dict[str, Any]
API_VERSION = _ApiVersion.CURRENT
NO_REQUEST: Object = {"id": None, "idempotency_key": None}


class Account:
    """Objects by kind and id, in the order they were made. Hold ``lock`` around everything."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.url = ""
        self.clock: Callable[[], float] = time.time
        self.tables: dict[str, dict[str, Object]] = {}
        # The cards behind payment methods: Stripe never shows them.
        self.cards: dict[str, Card] = {}
        self.request = NO_REQUEST
        # What refunds are at first, where the card does not say.
        self.refunds_start = "succeeded"
        self.on_event: Callable[[Object], None] = lambda event: None

    def now(self) -> int:
        """Return the time in whole seconds, which is all that Stripe tells."""
        return int(self.clock())

    def table(self, kind: str) -> dict[str, Object]:
        """Return all objects of a kind by their ids, oldest first."""
        return self.tables.setdefault(kind, {})

    def add(self, kind: str, prefix: str, **fields: Any) -> Object:
        """Make an object and return it (the one that is kept, not a copy)."""
        made = {
            "id": f"{prefix}_{secrets.token_hex(12)}",
            "object": kind,
            "created": self.now(),
            "livemode": False,
            **fields,
        }
        self.table(kind)[made["id"]] = made
        return made

    def find(self, kind: str, id: str, *, param: str = "id", status: int = 404) -> Object:
        """Return an object.

        Raises:
            Refused: resource_missing.
        """
        found = self.table(kind).get(id)
        if found is None:
            raise missing_resource(kind, id, param=param, status=status)
        return found

    def emit(self, type: str, about: Object) -> None:
        """Note that something happened to an object, with the object as it is now."""
        event = self.add(
            "event",
            "evt",
            type=type,
            api_version=API_VERSION,
            data={"object": copy.deepcopy(about)},
            pending_webhooks=1,
            request=dict(self.request),
        )
        self.on_event(event)

    def page(self, kind: str, path: str, params: Object, **equal: Any) -> Object:
        """Return one page of a list, newest first, as every list of Stripe's."""
        limit = params.get("limit", 10)
        if not 1 <= limit <= 100:
            message = "This value must be between 1 and 100 (inclusive)."
            raise Refused(400, message, code="parameter_invalid_integer", param="limit")
        equal = {name: value for name, value in equal.items() if value is not None}
        rows = [
            one
            for one in reversed(self.table(kind).values())
            if _in_time(one["created"], params.get("created"))
            and all(one.get(name) == value for name, value in equal.items())
        ]
        ids = [one["id"] for one in rows]
        if after := params.get("starting_after"):
            rows = rows[_place(ids, kind, after, "starting_after") + 1 :]
        elif before := params.get("ending_before"):
            rows = rows[: _place(ids, kind, before, "ending_before")]
            return _list(path, rows[-limit:], len(rows) > limit)
        return _list(path, rows[:limit], len(rows) > limit)


def _list(path: str, rows: list[Object], more: bool) -> Object:
    return {"object": "list", "url": path, "has_more": more, "data": rows}


def _place(ids: list[str], kind: str, id: str, param: str) -> int:
    if id not in ids:
        raise missing_resource(kind, id, param=param, status=400)
    return ids.index(id)


def _in_time(created: int, wanted: int | Object | None) -> bool:
    if wanted is None:
        return True
    if isinstance(wanted, int):
        return created == wanted
    tests = {
        "gt": created.__gt__,
        "gte": created.__ge__,
        "lt": created.__lt__,
        "lte": created.__le__,
    }
    return all(tests[name](value) for name, value in wanted.items())
