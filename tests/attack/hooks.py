"""What schemathesis cannot know: who asks, and which refusals of valid data are right.

It runs in schemathesis' own process. ``ATTACK_TOKENS`` names a file of access tokens, one a line:
the shop is asked with the first one until that is no longer good (its user may have been deleted,
its login ended), then with the next. An empty file: anonymous.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

import schemathesis

TOKENS = Path(os.environ["ATTACK_TOKENS"]).read_text().split()
# What a document cannot say of valid data: how it stands with the rest of the shop.
IN_THIS_STATE = {
    "ambiguous_credentials",
    "coupon_invalid",
    "idempotency_key_reused",
    "reset_token_invalid",
    "signature_invalid",
    "url_not_allowed",
    "verification_token_invalid",
}
# Neither can it say how one member goes with another, or what is in a long list.
MEANINGS = re.compile(
    r"Not a cursor of this list|There is no|Before from|Must not be below|Must be after"
    r"|Not a key of this book|No country has the code|Not a member|Needed for a"
    r"|Must be in the future|is for staff alone|Not the code that the app shows"
    r"|Not the account's present password|Too large a|Contains a character that text cannot have"
    r"|Not a valid URL|not both|Must be one that goes|More than \d decimal places"
    # What nobody should have for a password.
    r"|password: Not |password: This password is known"
    r"|Free shipping has none|author_id: Missing data|Idempotency-Key: At least"
    # Nothing but blanks, which are taken away.
    r"|shipping_address\.\w+: (Shorter|Length)"
    # JSON Schema takes 1.0 for an integer. Nobody counts books that way.
    r"|Not a valid integer"
    # Of what has the format "binary" schemathesis makes nothing, whatever minLength says.
    r"|The file is empty"
)


class Holder:
    """The token in use."""

    number = 0

    @classmethod
    def header(cls) -> str:
        """Return what Authorization says."""
        return f"Bearer {TOKENS[cls.number]}"


if TOKENS:

    @schemathesis.auth()
    class Bearer:
        """Sends the token in use."""

        def get(self, case: Any, context: Any) -> str:
            """Return it."""
            return Holder.header()

        def set(self, case: Any, data: Any, context: Any) -> None:
            """Put it into a request."""
            case.headers = case.headers or {}
            case.headers["Authorization"] = Holder.header()


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Take the next token when this one is refused."""
    sent = response.request.headers.get("Authorization")
    if response.status_code == 401 and TOKENS and sent == Holder.header():
        Holder.number += 1


@schemathesis.hook
def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Drop what is no failure."""
    name = type(failure).__name__
    # Before the shop: gunicorn's own limits of a request's head (RFC 9110 15.5.15, RFC 6585 5).
    if response.status_code in {414, 431}:
        return False
    # OpenAPI 3.1 knows the schema of a stream, schemathesis takes it for one of each event.
    kind = str(response.headers.get("content-type"))
    if "text/event-stream" in kind and name == "JsonSchemaError":
        return False
    return name != "RejectedPositiveData" or not expected(response)


def expected(response: Any) -> bool:
    """Return whether it is right to refuse this valid data."""
    try:
        body = json.loads(response.content)
    except ValueError:
        return False
    if body.get("code") in IN_THIS_STATE:
        return True
    found = body.get("errors") or {}
    return bool(found) and all(
        MEANINGS.search(f"{field}: {message}")
        for field, messages in found.items()
        for message in messages
    )
