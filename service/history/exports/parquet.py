"""Parquet: one file a table, times as timestamps of the site's zone, money as decimals; needs pyarrow."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

from engine.errors import BadInput
from service.history.exports.columns import EXPORTED, Batch, Column, Outside, Row, Type

#: Rows of one group: readers skip groups by their smallest and largest values; a group is held in memory.
GROUP = 16_384


class ParquetFolder:
    """A folder with a file for each table."""

    def __init__(self, folder: Path, outside: Outside) -> None:
        """Begin the files in ``folder``, which is made. Raises BadInput without pyarrow."""
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise BadInput("Parquet needs pyarrow: pip install 'visitflow[history]'", field="format") from None
        self._arrow = pyarrow
        folder.mkdir()
        types = {
            Type.TEXT: pyarrow.string(),
            Type.INT: pyarrow.int64(),
            Type.TIME: pyarrow.timestamp("us", str(outside.zone)),
            Type.MONEY: pyarrow.decimal128(18, 2),
        }
        self._schemas = {
            table: pyarrow.schema([(column.name, types[column.type]) for column in columns])
            for table, columns in EXPORTED.items()
        }
        self._files = {
            table: pyarrow.parquet.ParquetWriter(folder / f"{table}.parquet", schema, compression="zstd")
            for table, schema in self._schemas.items()
        }
        self._waiting: dict[str, list[Any]] = {table: [] for table in EXPORTED}

    def write(self, batch: Batch) -> None:
        """Add a page."""
        for table, columns in EXPORTED.items():
            if rows := list(batch.of(table)):
                waiting = self._waiting[table]
                waiting.append(self._arrow.record_batch(_columns(columns, rows), schema=self._schemas[table]))
                if sum(each.num_rows for each in waiting) >= GROUP:
                    self._flush(table)

    def close(self) -> None:
        """Write what waits, and end the files."""
        with ExitStack() as open_:  # closes all, also when one does not close
            for file in self._files.values():
                open_.callback(file.close)
            for table in self._files:
                self._flush(table)

    def _flush(self, table: str) -> None:
        if waiting := self._waiting[table]:
            self._files[table].write_table(self._arrow.Table.from_batches(waiting), row_group_size=GROUP)
            self._waiting[table] = []
            self._arrow.default_memory_pool().release_unused()  # it would keep what its largest group took


def _columns(columns: Sequence[Column], rows: list[Row]) -> list[Sequence[Any]]:
    """Turn rows into columns, money into decimals."""
    return [
        [None if cents is None else Decimal(cents).scaleb(-2) for cents in values]
        if column.type is Type.MONEY
        else values
        for column, values in zip(columns, zip(*rows, strict=True), strict=True)
    ]
