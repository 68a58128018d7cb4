"""Statements that each request needs: compiled once, and executed by the driver's own cursor.

SQLAlchemy builds them, writes their text and knows their types, once for each database. What it
does for each execution besides (a context, a cache key, a result that can do everything) takes
longer than the driver and the network together, and a hot statement needs none of it. Listeners are
told and errors are translated as for any other.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Insert, bindparam
from sqlalchemy.sql.compiler import SQLCompiler

Values = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None
_Convert = Callable[[Any], Any] | None

# An INSERT of many rows has a text for each number of them; of more it is left to SQLAlchemy.
_MOST_ROWS = 20


class Rows:
    """What a statement returned, all of it; in the words of SQLAlchemy's results."""

    __slots__ = ("_rows",)

    def __init__(self, rows: list[Any]) -> None:
        self._rows = rows

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the rows: tuples whose columns are attributes, too."""
        return iter(self._rows)

    def all(self) -> list[Any]:
        """Return the rows."""
        return self._rows

    def first(self) -> Any:
        """Return the first row, None when there is none."""
        return self._rows[0] if self._rows else None

    def one(self) -> Any:
        """Return the one row; ValueError when it is not one."""
        [row] = self._rows
        return row

    def scalar(self) -> Any:
        """Return the first column of the first row, None when there is none."""
        return self._rows[0][0] if self._rows else None

    scalar_one_or_none = scalar

    def scalar_one(self) -> Any:
        """Return the first column of the one row; ValueError when it is not one."""
        return self.one()[0]


class Prepared:
    """A statement of tables and columns, with a ``bindparam`` for what differs.

    ``statement`` is what SQLAlchemy executes, where that is wanted.
    """

    def __init__(self, statement: Any) -> None:
        self.statement = statement
        self.is_select: bool = statement.is_select
        self._forms: tuple[Dialect | None, dict[Any, Form | None]] = (None, {})

    def execute(self, connection: Connection, values: Values = None) -> Rows:
        """Execute it on a connection, in its transaction, and return its ``Rows``.

        Args:
            connection: which has begun a transaction.
            values: for the bindparams; a list: of an INSERT, whose rows they are.
        """
        many = not (values is None or isinstance(values, Mapping))
        rows: Sequence[Mapping[str, Any]] = values if many else (values or {},)  # type: ignore[assignment]
        dialect, forms = self._forms
        if dialect is not connection.dialect:
            dialect, forms = self._forms = connection.dialect, {}
        key = (len(rows), *rows[0])
        try:
            form = forms[key]
        except KeyError:
            form = forms[key] = self._form(dialect, rows)
        if form is None:
            result = connection.execute(self.statement, values)
            return Rows(list(result) if result.returns_rows else [])
        if len(rows) > 1:
            given = {f"{name}_{n}": row[name] for n, row in enumerate(rows) for name in row}
            return form.execute(connection, given)
        return form.execute(connection, rows[0])

    def _form(self, dialect: Dialect, rows: Sequence[Mapping[str, Any]]) -> "Form | None":
        """Return how to execute it; None: SQLAlchemy has to do something each time."""
        statement, names = self.statement, list(rows[0])
        if len(rows) > 1:
            if not isinstance(statement, Insert) or len(rows) > _MOST_ROWS:
                return None
            types = statement.table.c
            statement = statement.values(
                [
                    {name: bindparam(f"{name}_{n}", type_=types[name].type) for name in names}
                    for n in range(len(rows))
                ]
            )
            names = []
        compiled: SQLCompiler = statement.compile(dialect=dialect, column_keys=names or None)
        needs_more = (
            compiled.insert_prefetch
            or compiled.update_prefetch
            or compiled.literal_execute_params
            or compiled.post_compile_params
            or compiled.escaped_bind_names
            or statement.get_execution_options()
        )
        return None if needs_more else Form(compiled, dialect)


class Form:
    """A statement as one database gets it.

    ``text`` is for the driver, with its placeholders.
    """

    def __init__(self, compiled: SQLCompiler, dialect: Dialect) -> None:
        self.text = str(compiled)
        self._positions = compiled.positiontup
        self._fixed: dict[str, Any] = {}
        self._given: list[tuple[str, _Convert]] = []
        for name, bind in compiled.binds.items():
            convert = bind.type.dialect_impl(dialect).bind_processor(dialect)
            if bind.required:
                self._given.append((name, convert))
            else:
                value = bind.effective_value
                self._fixed[name] = value if convert is None else convert(value)
        self._columns = compiled._result_columns
        self._dialect = dialect
        self._row: Callable[[Any], Any] = tuple
        self._converts: list[tuple[int, Any]] | None = None

    def given(self, values: Mapping[str, Any]) -> Any:
        """Return values as the driver takes them: a dict, or a tuple where it counts places."""
        given: Any = dict(self._fixed)
        for name, convert in self._given:
            value = values[name]
            given[name] = value if convert is None else convert(value)
        if self._positions is not None:
            return tuple([given[name] for name in self._positions])
        return given

    def rows(self, cursor: Any) -> list[Any]:
        """Return what a cursor has found, all of it; columns are attributes."""
        found = cursor.fetchall() if self._columns else []
        if found and self._converts is None:
            self._learn(cursor.description)
        if self._converts:
            found = [self._converted(row) for row in found]
        return [self._row(row) for row in found]

    def execute(self, connection: Connection, values: Mapping[str, Any]) -> Rows:
        """Execute it on a connection that has begun a transaction."""
        given, context = self.given(values), _Context()
        cursor = connection.connection.cursor()
        is_heard = connection._has_events or connection.engine._has_events
        try:
            if is_heard:
                for listener in connection.dispatch.before_cursor_execute:
                    listener(connection, cursor, self.text, given, context, False)
            cursor.execute(self.text, given)
            if is_heard:
                connection.dispatch.after_cursor_execute(
                    connection, cursor, self.text, given, context, False
                )
            found = self.rows(cursor)
            cursor.close()
        except BaseException as error:
            connection._handle_dbapi_exception(error, self.text, given, cursor, context)  # type: ignore[arg-type]
        return Rows(found)

    def _learn(self, description: Any) -> None:
        """Note what rows look like: the driver has told which types its columns have."""
        columns = self._columns
        self._row = _row_of([column.keyname for column in columns])
        types = [column.type.dialect_impl(self._dialect) for column in columns]
        found = [
            (place, kind.result_processor(self._dialect, description[place][1]))
            for place, kind in enumerate(types)
        ]
        self._converts = [(place, convert) for place, convert in found if convert is not None]

    def _converted(self, row: Any) -> list[Any]:
        made = list(row)
        for place, convert in self._converts or ():
            made[place] = convert(made[place])
        return made


def _row_of(names: Sequence[str]) -> type[tuple[Any, ...]]:
    """Return a tuple with names, which may begin with an underscore as a namedtuple's may not."""
    columns = {name: property(itemgetter(place)) for place, name in enumerate(names)}
    return type("Row", (tuple,), {"__slots__": (), **columns})


class _Context:
    """What listeners know one execution by."""

    executemany = False

    def handle_dbapi_exception(self, error: BaseException) -> None:
        """Do nothing: there is nothing that an error leaves behind."""
