"""Forms of the console: read by schemas, shown again with what was typed when they are refused."""

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

import marshmallow as ma
import orjson
from flask import current_app, request
from marshmallow import fields
from werkzeug.datastructures import MultiDict

from bookstore import auth, errors, problems
from bookstore.services import idempotency
from bookstore.services.paging import PageRequest

PER_PAGE = 25
# Of every form, and none of its schema's business.
_OWN = frozenset({"csrf", "key", "version", "form"})
_LONGEST_NUMBER = 18
_CHANGED = (
    "Somebody has changed this, or it has changed by itself, since you opened it. Below is how it "
    "stands now: look at it, and send the form again if you still want to."
)


class Form:
    """What somebody typed, or the filters of a list; what was wrong with it; and its answer.

    Used as a context manager it keeps whatever a service refuses inside: in ``errors`` by field,
    and ``problem``, what to say on top. ``status`` is then that of the answer.

    Attributes:
        given: field → text as it was typed (a list of texts for fields that take several).
        errors: field → messages.
        problem: a sentence; None: nothing was refused.
        at: path of the page that shows it, for filters and links to other pages of a list.
        name: which form of a page it is, if there are several (``m.hidden(form="refund")``).
    """

    def __init__(self, schema: type[ma.Schema], given: Mapping[str, Any], name: str = "") -> None:
        self.schema, self.given, self.name = schema, dict(given), name
        self.errors: dict[str, list[str]] = {}
        self.problem: str | None = None
        self.status = 200
        self._version: str | None = None
        self.at = request.path

    @classmethod
    def sent(cls, schema: type[ma.Schema]) -> Self:
        """Return the form that this request posts."""
        made = cls(schema, _texts(schema, request.form), request.form.get("form", ""))
        made._version = request.form.get("version")
        return made

    @classmethod
    def asked(cls, schema: type[ma.Schema], at: str | None = None) -> Self:
        """Return the filters in this request's query string; ``at`` is where they are asked, for
        pages that also show what was refused at another path."""
        made = cls(schema, _texts(schema, request.args))
        made.at = at or request.path
        return made

    @classmethod
    def of(cls, schema: type[ma.Schema], **given: Any) -> Self:
        """Return a form that nobody has sent yet, with these texts in it."""
        return cls(schema, given)

    @property
    def version(self) -> int:
        """Which version the form was made from, or what else it says that was seen.

        Raises:
            PreconditionFailed: it does not say, as no form of ours does: nobody has seen anything.
        """
        text = self._version or ""
        if not (text.isascii() and text.isdecimal() and len(text) < _LONGEST_NUMBER):
            raise errors.PreconditionFailed
        return int(text)

    def load(self, blank: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the fields as the schema has them; those left empty are not there.

        Args:
            blank: what it means that a field was left empty, for fields of which that says
                something, as in a form that changes things.

        Raises:
            Invalid: by field.
        """
        filled = {name: value for name, value in self.given.items() if value not in ("", [])}
        try:
            found: dict[str, Any] = self.schema().load(filled)
        except ma.ValidationError as error:
            raise errors.Invalid(problems.flatten({"form": error.messages})) from None
        for name, meaning in (blank or {}).items():
            if self.given.get(name) in ("", []):
                found[name] = meaning
        return found

    def once(self, work: Callable[[], Any], file: bytes = b"") -> str:
        """Do what the form is for, once, however often it is sent (``services.idempotency``).

        Args:
            work: does it. A text that it returns is what is returned each time.
            file: that was sent along.

        Raises:
            Conflict: it was sent before, and refused.
            IdempotencyKeyReused: it was sent before with something else in it.
            IdempotencyInProgress: it is being worked at.
            BookstoreError: whatever ``work`` raises.
        """
        actor, key = auth.current_actor(), request.form.get("key", "")
        if not (16 <= len(key) <= 64 and key.isascii() and key.isprintable()):
            raise errors.Invalid({"key": ["Load the page again."]})
        refused: list[errors.BookstoreError] = []

        def run() -> idempotency.Answer:
            made = work()
            return idempotency.Answer(200, {}, made.encode() if isinstance(made, str) else b"")

        def note(error: errors.BookstoreError) -> idempotency.Answer:
            refused.append(error)
            return idempotency.Answer(problems.status_of(type(error)), {}, b"")

        secret = current_app.config["SECRET_KEY"]
        told = orjson.dumps(self.given, option=orjson.OPT_SORT_KEYS)
        wanted = idempotency.Request(
            scope=f"console:{actor.id}",
            route=f"POST {request.path}"[:200],
            key=key,
            fingerprint=idempotency.fingerprint(secret, request.path.encode(), told, file),
            user_id=actor.id,
        )
        answer = idempotency.run(wanted, run, note)
        if refused:
            raise refused[0]
        if answer.status >= 400:
            raise errors.Conflict("This form was sent before, and refused.")
        return answer.body.decode()

    @property
    def page_request(self) -> PageRequest:
        """Which page of a list is asked for, by ``cursor``."""
        return PageRequest(limit=PER_PAGE, cursor=self.given.get("cursor") or None)

    @property
    def filters(self) -> dict[str, Any]:
        """The filters alone, for links to other pages of the list."""
        return {n: v for n, v in self.given.items() if n != "cursor" and v not in ("", [])}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> bool:
        if not isinstance(error, errors.BookstoreError):
            return False
        self.refuse(error)
        return True

    def refuse(self, error: errors.BookstoreError) -> None:
        """Keep a refusal, to be shown."""
        status = problems.status_of(type(error))
        # That is for who is not logged in; here the form itself is wrong.
        # Nor has a browser sent a precondition that could fail (RFC 9110, 15.5.13).
        self.status = {401: 422, 412: 409}.get(status, status)
        self.problem = _CHANGED if isinstance(error, errors.PreconditionFailed) else error.detail
        if isinstance(error, errors.Invalid):
            self.errors = problems.flatten({"form": error.extra["errors"]})
            self.problem = "Some fields are not right."


def _texts(schema: type[ma.Schema], given: MultiDict[str, str]) -> dict[str, Any]:
    """Return what was sent, by field, without what nobody meant to type."""
    known = schema._declared_fields
    found: dict[str, Any] = {}
    for name in given:
        if name in _OWN:
            continue
        values = given.getlist(name)
        if isinstance(known.get(name), fields.List):
            found[name] = [value for value in values if value != ""]
        elif "password" in name:
            found[name] = values[-1]
        else:
            found[name] = values[-1].replace("\r\n", "\n").strip()
    return found
