"""Running a request, and telling what went wrong by the codes of the REST doors."""

import logging
import re
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLError, GraphQLSyntaxError
from sqlalchemy.exc import OperationalError, TimeoutError as PoolTimeout
from strawberry.schema.exceptions import CannotGetOperationTypeError

from bookstore import errors, logs
from bookstore.extensions import settings
from bookstore.graphql.context import Context
from bookstore.graphql.limits import TooMuch
from bookstore.graphql.schema import schema
from bookstore.services import persisted_queries, reading
from bookstore.services.actors import Actor

log = logging.getLogger(__name__)

# What graphql-core adds to a name that there is not.
_SUGGESTION = re.compile(r" Did you mean .*\?", re.S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a client sent: a document, or the SHA-256 (hex) of one that it sent before, or both."""

    query: str | None = None
    sha256: str | None = None
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    # Where it came from, for the audit log.
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """``body`` as the specification has it; ``ran``: it got as far as being executed.

    ``cart_token`` is set when a guest's cart was opened. ``only_reads``: it has written nothing.
    """

    body: dict[str, Any]
    ran: bool
    cart_token: str | None = None
    only_reads: bool = False

    @property
    def failed(self) -> bool:
        """Whether anything in it went wrong."""
        return "errors" in self.body


def execute(request: Request, actor: Actor) -> Result:
    """Run one operation for ``actor``; whatever goes wrong is in the result.

    Raises:
        Invalid: the digest is not that of the document.
    """
    query = request.query
    if request.sha256 is not None:
        query = persisted_queries.resolve(request.sha256, query)
        if query is None:
            # The words that clients of Apollo's and of urql's wait for.
            return _refused("persisted_query_not_found", "PersistedQueryNotFound")
    # No document has a mutation without the word; what has it otherwise reads the primary in vain.
    only_reads = "mutation" not in (query or "")
    if only_reads:
        reading.begin(actor)
    context = Context(actor, request.address)
    try:
        found = schema.execute_sync(
            query,
            variable_values=request.variables,
            context_value=context,
            operation_name=request.operation_name,
        )
    except CannotGetOperationTypeError as error:
        return _refused("graphql_invalid", error.as_http_error_reason())
    body: dict[str, Any] = {}
    if found.errors:
        body["errors"] = [_told(error) for error in found.errors]
    ran = found.data is not None or any(error.path for error in found.errors or ())
    if ran:
        body["data"] = found.data
    if found.extensions:
        body["extensions"] = found.extensions
    if ran and request.sha256 is not None and request.query is not None:
        persisted_queries.keep(request.sha256, request.query)
    return Result(body, ran, context.cart_token, only_reads)


def _refused(code: str, message: str) -> Result:
    extensions = {"code": code, "request_id": logs.request_id.get()}
    return Result({"errors": [{"message": message, "extensions": extensions}]}, ran=False)


def _told(error: GraphQLError) -> dict[str, Any]:
    """Return an error as the specification has it, with ``extensions.code``."""
    told: dict[str, Any] = dict(error.formatted)
    cause = error.original_error
    if isinstance(cause, errors.BookstoreError):
        told["message"] = cause.detail
        extra = {"code": cause.code, **cause.extra}
    elif isinstance(cause, TooMuch):
        extra = {"code": cause.code}
    elif isinstance(cause, RecursionError) and not error.path:
        told["message"] = "The query is nested too deeply."
        extra = {"code": "query_too_deep"}
    elif isinstance(cause, OperationalError | PoolTimeout):
        log.error("database unavailable", exc_info=cause)
        told["message"] = "The database is busy or away; try again."
        extra = {"code": "unavailable"}
    elif isinstance(error, GraphQLSyntaxError):
        extra = {"code": "graphql_syntax"}
    elif not error.path or cause is None or isinstance(cause, GraphQLError):
        # The document or its variables do not fit the schema. Most is found before anything runs; a
        # variable that is null where it may not be, at its field.
        extra = {"code": "graphql_invalid"}
        if not settings().graphql_is_open:
            # Names that are like the wrong one would tell the schema, letter by letter.
            told["message"] = _SUGGESTION.sub("", told["message"])
    else:
        log.error("resolver failed", exc_info=cause, extra={"path": error.path})
        told["message"] = "Something went wrong on our side; the request id helps us to find it."
        extra = {"code": "internal_error"}
    told["extensions"] = {**extra, "request_id": logs.request_id.get()}
    return told
