"""Requests that may be repeated: ``Idempotency-Key`` (as Stripe has it, and the IETF draft)."""

import hashlib
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from flask import Response, current_app, make_response, request

from bookstore import auth, errors, problems
from bookstore.blueprints.api import raw_body
from bookstore.blueprints.conditional import set_etag
from bookstore.blueprints.documenting import document
from bookstore.services import idempotency, limits
from bookstore.services.actors import SERVICE
from bookstore.services.idempotency import Answer

GUEST_KEY_LENGTH = 16
_KEPT_HEADERS = ("Content-Type", "Location", "ETag", "X-Cart-Token", "Link")


def idempotent(
    view: Callable[..., Any] | None = None,
    *,
    refused: Callable[[errors.BookstoreError], Response] = problems.from_error,
) -> Callable[..., Any]:
    """Let clients repeat this request under an ``Idempotency-Key``; goes below ``arguments``.

    Args:
        view: what is decorated; without it a decorator is returned.
        refused: the answer of a refusal, which is repeated like any other.
    """
    if view is None:
        return partial(idempotent, refused=refused)

    @wraps(view)
    def once(*args: Any, **kwargs: Any) -> Any:
        key = request.headers.get("Idempotency-Key")
        if key is None:
            return view(*args, **kwargs)
        scope = _scope(key)
        if not (0 < len(key) <= 255 and key.isascii() and key.isprintable()):
            raise errors.Invalid({"Idempotency-Key": ["1 to 255 printable ASCII characters."]})
        answer = idempotency.run(
            idempotency.Request(
                scope=scope,
                route=f"{request.method} {request.path}"[:200],
                key=key,
                fingerprint=idempotency.fingerprint(
                    current_app.config["SECRET_KEY"],
                    request.method.encode(),
                    request.full_path.encode(),
                    _body(),
                ),
                user_id=auth.current_actor().id,
            ),
            work=lambda: _answer(make_response(view(*args, **kwargs))),
            refused=lambda error: _answer(refused(error)),
        )
        response = Response(answer.body, answer.status, answer.headers)
        if answer.replayed:
            response.headers["Idempotency-Replayed"] = "true"
        return response

    document(
        once,
        parameters=[
            {
                "in": "header",
                "name": "Idempotency-Key",
                "schema": {"type": "string", "pattern": "^[!-~]([ -~]{0,253}[!-~])?$"},
                "description": "Repeat the request with the same key and get the first answer, "
                "for 24 hours. 409 while the first still runs; 422 with another body. "
                f"For the first item of a guest's cart: at least {GUEST_KEY_LENGTH} characters.",
            }
        ],
    )
    return once


def _body() -> bytes:
    """Return what was sent, the same for the same form: clients draw a boundary for each try."""
    body, boundary = raw_body(request), request.mimetype_params.get("boundary")
    if request.mimetype != "multipart/form-data" or not boundary:
        return body
    return body.replace(b"--" + boundary.encode(), b"--")


def _scope(key: str) -> str:
    """Return what keeps one client's keys apart from all others'."""
    actor = auth.current_actor()
    if actor.key_id is not None:
        # Programs choose "1" as well; none is to get what another of its owner's was told.
        return f"user:{actor.id}:key:{actor.key_id}"
    if actor.id is not None:
        return f"user:{actor.id}"
    if actor == SERVICE:
        return "service"
    if actor.cart_token:
        return f"cart:{hashlib.sha256(actor.cart_token.encode()).hexdigest()[:40]}"
    # A client nobody knows yet shares its address with others, behind a proxy with all. Where
    # the answer hands out a cart, the key alone tells guests apart: not by chance another's.
    if request.path.endswith("/cart/items") and len(key) < GUEST_KEY_LENGTH:
        problem = f"At least {GUEST_KEY_LENGTH} characters (say, a UUID) from a new guest."
        raise errors.Invalid({"Idempotency-Key": [problem]})
    return limits.name_of(actor)


def _answer(response: Response) -> Answer:
    set_etag(response)
    headers = {k: response.headers[k] for k in _KEPT_HEADERS if k in response.headers}
    return Answer(response.status_code, headers, response.get_data())
