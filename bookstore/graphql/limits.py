"""How much a query asks for, known before anything is executed.

Counted as it would run: fragments are opened where they are spread, each alias counts, and a
list counts as often as it may have rows. A fragment is measured once a type, so that fragments
which spread fragments cannot make the counting itself dear; one that spreads itself is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
)

MAX_DEPTH = 10
MAX_ALIASES = 15
MAX_TOKENS = 1000
# Selections in selections, fragments included: what may be counted without a deep stack.
_MAX_NESTING = 60
# Fragments multiply; beyond this nobody counts.
_ENDLESS = 10**9
# Rows of a list that nobody gave a size: items of a cart, categories of a book.
USUAL_ROWS = 5
_SIZES = ("first", "limit")
# Of a connection: the connection's own size has been counted.
_SIZED_BEFORE = "edges"


class TooMuch(Exception):
    """A query asks for more than is answered; ``code`` says of what."""

    def __init__(self, code: str, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.code = code
        self.extra = extra


@dataclass(frozen=True, slots=True)
class Measure:
    """levels of fields, aliases, and fields to resolve (``cost``)."""

    depth: int = 0
    aliases: int = 0
    cost: int = 0


def check(measure: Measure, max_cost: int) -> None:
    """Refuse what is too much.

    Raises:
        TooMuch: ``query_too_deep``, ``too_many_aliases`` or ``query_too_expensive``.
    """
    for code, word, found, most in (
        ("query_too_deep", "depth", measure.depth, MAX_DEPTH),
        ("too_many_aliases", "number of aliases", measure.aliases, MAX_ALIASES),
        ("query_too_expensive", "cost", measure.cost, max_cost),
    ):
        if found > most:
            raise TooMuch(code, f"The query's {word} is {found}; at most {most} is answered.")


def require_one(document: DocumentNode, operation_name: str | None) -> None:
    """Refuse a request that does not say which of several operations it means.

    Raises:
        TooMuch: it does not (``graphql_invalid``).
    """
    found = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if operation_name is None and len(found) > 1:
        raise TooMuch("graphql_invalid", "Say by operationName which operation is meant.")


def measure(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation_name: str | None,
    variables: Mapping[str, Any],
) -> Measure:
    """Return how much the operation asks for; an empty measure when there is no such operation.

    Raises:
        TooMuch: a fragment spreads itself.
    """
    operation = next(
        (
            node
            for node in document.definitions
            if isinstance(node, OperationDefinitionNode)
            and (operation_name is None or (node.name and node.name.value == operation_name))
        ),
        None,
    )
    root = operation and schema.get_root_type(operation.operation)
    if operation is None or root is None:
        return Measure()
    values = {
        one.variable.name.value: one.default_value for one in operation.variable_definitions or ()
    }
    return _Measuring(schema, document, {**values, **variables}).selections(
        operation.selection_set, root
    )


class _Measuring:
    def __init__(
        self, schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any]
    ) -> None:
        self._schema = schema
        self._variables = variables
        self._fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        self._known: dict[tuple[str, str], Measure] = {}
        self._open: set[str] = set()
        self._level = 0

    def selections(self, node: SelectionSetNode, parent: Any) -> Measure:
        self._level += 1
        if self._level > _MAX_NESTING:
            raise TooMuch("query_too_deep", "The query is nested too deeply.")
        depth = aliases = cost = 0
        one = Measure()
        for selection in node.selections:
            if isinstance(selection, FieldNode):
                one = self._field(selection, parent)
            elif isinstance(selection, FragmentSpreadNode):
                one = self._spread(selection.name.value, parent)
            elif isinstance(selection, InlineFragmentNode):
                inner = selection.type_condition
                kind = self._schema.get_type(inner.name.value) if inner else parent
                one = self.selections(selection.selection_set, kind)
            depth, aliases, cost = max(depth, one.depth), aliases + one.aliases, cost + one.cost
        self._level -= 1
        return Measure(depth, min(aliases, _ENDLESS), min(cost, _ENDLESS))

    def _spread(self, name: str, parent: Any) -> Measure:
        fragment = self._fragments.get(name)
        if fragment is None:
            return Measure()
        if name in self._open:
            raise TooMuch("graphql_invalid", f"The fragment {name} spreads itself.")
        kind = self._schema.get_type(fragment.type_condition.name.value) or parent
        key = (name, getattr(kind, "name", ""))
        if key not in self._known:
            self._open.add(name)
            self._known[key] = self.selections(fragment.selection_set, kind)
            self._open.discard(name)
        return self._known[key]

    def _field(self, node: FieldNode, parent: Any) -> Measure:
        aliased = int(node.alias is not None and node.alias.value != node.name.value)
        if node.selection_set is None:
            return Measure(1, aliased, 1)
        name = node.name.value
        if name.startswith("__"):
            # Its depth is limited by a rule of its own, since types are deep by nature.
            kind = self._schema.get_type("__Schema" if name == "__schema" else "__Type")
            inner = self.selections(node.selection_set, kind)
            return Measure(1, aliased + inner.aliases, 1 + inner.cost)
        field = _field_of(parent, name)
        kind = get_named_type(field.type) if field else None
        inner = self.selections(node.selection_set, kind)
        rows = 1 if field is None else self._rows(node, field)
        return Measure(1 + inner.depth, aliased + inner.aliases, 1 + rows * inner.cost)

    def _rows(self, node: FieldNode, field: GraphQLField) -> int:
        for size in _SIZES:
            if size in field.args:
                return self._given(node, size, field.args[size])
        is_list = is_list_type(get_nullable_type(field.type))
        if not is_list or node.name.value == _SIZED_BEFORE:
            return 1
        named = get_named_type(field.type)
        return 1 if named.name.startswith("__") else USUAL_ROWS

    def _given(self, node: FieldNode, size: str, argument: GraphQLArgument) -> int:
        """Return the size asked for; what is none is refused later, by whoever reads it."""
        value = next((one.value for one in node.arguments or () if one.name.value == size), None)
        found: Any = argument.default_value
        if isinstance(value, VariableNode):
            found = self._variables.get(value.name.value, found)
        elif value is not None:
            found = value
        if isinstance(found, IntValueNode):
            found = int(found.value)
        elif isinstance(found, float) and found.is_integer():
            found = int(found)  # JSON's 50.0, which graphql-core takes for 50
        return found if type(found) is int and found > 0 else 1


def _field_of(parent: Any, name: str) -> GraphQLField | None:
    if isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
        found: GraphQLField | None = parent.fields.get(name)
        return found
    return None
