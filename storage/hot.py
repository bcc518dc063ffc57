"""Hot statements: SQLAlchemy Core statements compiled once for a dialect and run by the driver as they are.

Core's own execution costs more than the database for statements that run ten thousand times a second. The text still
comes from Core, so that there is one description of the tables; values must be of types that the driver takes as is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy.engine import Connection
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.sql.dml import UpdateBase

Row = Mapping[str, Any]


class HotStatement:
    """One insert or update, ready for the driver."""

    def __init__(self, statement: UpdateBase, names: Sequence[str], dialect: Dialect) -> None:
        """``names`` are the columns or parameters that every row brings."""
        compiled = statement.compile(dialect=dialect, column_keys=list(names))
        self._sql = str(compiled)
        order = getattr(compiled, "positiontup", None)
        self._values: Callable[[Row], Any] = (lambda row: row) if order is None else itemgetter(*order)

    def run(self, connection: Connection, rows: Sequence[Row]) -> int:
        """Run for each row; return how many database rows were touched."""
        return connection.exec_driver_sql(self._sql, [self._values(row) for row in rows]).rowcount

    def run_one(self, connection: Connection, row: Row) -> int:
        """Run for one row; return how many database rows were touched."""
        return connection.exec_driver_sql(self._sql, self._values(row)).rowcount
