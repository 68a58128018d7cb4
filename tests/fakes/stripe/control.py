"""What tests do to a server in another process, and the page where customers authenticate."""

import dataclasses
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode

from tests.fakes.stripe.wire import Refused

if TYPE_CHECKING:
    from tests.fakes.stripe.fake import FakeStripe

# Methods of FakeStripe that POST /_test/{name} calls, with a JSON object of arguments.
_NAMES = """
pay authenticate finish_processing finish_refund start_refunds_as dashboard_refund
dashboard_cancel dispute close_dispute tamper forget_keys hold release deliver settle holdings
balance intent reset calm
"""
_CALLS = frozenset(_NAMES.split())
_PAGE = """<!doctype html><html lang="en"><title>3D Secure</title>
<h1>Complete authentication</h1>
<form method="post"><button name="outcome" value="complete">Complete</button>
<button name="outcome" value="fail">Fail</button></form></html>"""


def answer(
    fake: "FakeStripe", method: str, path: str, body: bytes
) -> tuple[int, bytes, dict[str, str]]:
    """Answer a request below /_test/."""
    name, _, rest = path.removeprefix("/_test/").partition("/")
    try:
        if name == "3ds":
            return _authenticate(fake, method, rest, body)
        given = json.loads(body or b"{}")
        if method == "POST" and name in _CALLS:
            found = getattr(fake, name)(**given)
        elif method == "POST" and name == "endpoint":
            fake.endpoint = given["url"]
            found = None
        elif method == "POST" and name == "fail":
            fake.fail(**given)
            found = None
        elif method == "GET" and name in {"events", "intents", "refunds"}:
            found = getattr(fake, name)
        else:
            return _json(404, {"error": {"message": f"nothing at {path}"}})
        return _json(200, found)
    except Refused as refused:
        return _json(refused.status, refused.body)
    except (TypeError, ValueError, KeyError) as error:
        return _json(400, {"error": {"message": repr(error)}})


def _authenticate(
    fake: "FakeStripe", method: str, intent_id: str, body: bytes
) -> tuple[int, bytes, dict[str, str]]:
    action = fake.intent(intent_id)["next_action"]
    if action is None:
        return _json(410, {"error": {"message": "There is nothing to authenticate."}})
    if method == "GET":
        return 200, _PAGE.encode(), {"Content-Type": "text/html; charset=utf-8"}
    ok = parse_qs(body.decode()).get("outcome") == ["complete"]
    intent = fake.authenticate(intent_id, ok)
    back = action["redirect_to_url"]["return_url"]
    told = {
        "payment_intent": intent["id"],
        "payment_intent_client_secret": intent["client_secret"],
        "redirect_status": "succeeded" if intent["status"] == "succeeded" else "failed",
    }
    joined = f"{back}{'&' if '?' in back else '?'}{urlencode(told)}"
    return 303, b"", {"Location": joined}


def _json(status: int, found: Any) -> tuple[int, bytes, dict[str, str]]:
    raw = json.dumps(found, default=dataclasses.asdict).encode()
    return status, raw, {"Content-Type": "application/json"}
