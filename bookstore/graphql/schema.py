"""The schema: what can be asked, and what is checked before anything runs."""

from collections.abc import Iterator
from typing import Any

import strawberry
from graphql import GraphQLError, NoSchemaIntrospectionCustomRule
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from bookstore.extensions import settings
from bookstore.graphql import limits, scopes
from bookstore.graphql.auditing import Audited
from bookstore.graphql.documents import KnownDocuments
from bookstore.graphql.mutations import Mutation
from bookstore.graphql.queries import Query
from bookstore.graphql.scalars import SCALARS, read


class _Limits(SchemaExtension):
    """Stops what asks for too much before it runs; tells what everything else cost."""

    def __init__(self) -> None:
        self._cost: int | None = None

    def on_operation(self) -> Iterator[None]:
        context = self.execution_context
        context.parse_options["max_tokens"] = limits.MAX_TOKENS
        if not settings().graphql_is_open:
            context.validation_rules = (*context.validation_rules, NoSchemaIntrospectionCustomRule)
        yield

    def on_execute(self) -> Iterator[None]:
        context = self.execution_context
        assert context.graphql_document is not None  # noqa: S101 - it has been validated  # nosec B101
        limits.require_one(context.graphql_document, context._provided_operation_name)
        found = limits.measure(
            context.schema._schema,
            context.graphql_document,
            context.operation_name,
            context.variables or {},
        )
        self._cost = found.cost
        limits.check(found, settings().graphql_max_cost)
        yield

    def get_results(self) -> dict[str, Any]:
        if self._cost is None:
            return {}
        return {"cost": {"requested": self._cost, "maximum": settings().graphql_max_cost}}


class _Schema(strawberry.Schema):
    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Log nothing here: the library's log holds whole documents, with people's data in them.
        What is ours to look at is logged where it is answered."""


scopes.guard(Query, Mutation)
for _field in Mutation.__strawberry_definition__.fields:  # type: ignore[attr-defined]
    _field.extensions.append(Audited(_field.python_name))

schema = _Schema(
    query=Query,
    mutation=Mutation,
    extensions=[_Limits, KnownDocuments],
    config=StrawberryConfig(
        default_resolver=read, scalar_map=SCALARS, disable_field_suggestions=False
    ),
)
