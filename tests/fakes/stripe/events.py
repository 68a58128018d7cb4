"""Events as the API lists them, and fields that are expanded on demand."""

import copy
from fnmatch import fnmatchcase

from tests.fakes.stripe.account import Account, Object
from tests.fakes.stripe.wire import Refused

# The fields that hold an id, and of what.
_EXPANDABLE = {
    "charge": "charge",
    "customer": "customer",
    "latest_charge": "charge",
    "payment_intent": "payment_intent",
    "payment_method": "payment_method",
}


def list_all(account: Account, params: Object) -> Object:
    """GET /v1/events."""
    wanted = params.get("types") or ([params["type"]] if "type" in params else ["*"])
    narrowed = Account()
    narrowed.tables["event"] = {
        id: event
        for id, event in account.table("event").items()
        if any(fnmatchcase(event["type"], one) for one in wanted)
    }
    return narrowed.page("event", "/v1/events", params)


def retrieve(account: Account, params: Object, id: str) -> Object:
    """GET /v1/events/{id}."""
    return account.find("event", id)


def expanded(account: Account, found: Object, paths: list[str]) -> Object:
    """Return a copy of an answer in which the objects of ``paths`` stand instead of their ids."""
    copied = copy.deepcopy(found)
    for path in paths:
        places = [copied]
        for name in path.split("."):
            if name == "data":
                places = [one for place in places for one in place["data"]]
                continue
            if name not in _EXPANDABLE or any(name not in place for place in places):
                message = f"This property cannot be expanded ({path})."
                raise Refused(400, message, param="expand")
            for place in places:
                if isinstance(place[name], str):
                    place[name] = copy.deepcopy(account.find(_EXPANDABLE[name], place[name]))
            places = [place[name] for place in places if place[name]]
    return copied
