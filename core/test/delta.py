"""Reads and writes Delta tables with the `deltalake` package, for tests: `delta.py read TABLE`, `delta.py write CASE TABLE`."""

import datetime as dt
import decimal
import json
import sys

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

UTC = dt.timezone.utc


def plain(value):
    """A value as JSON, every kind in one spelling."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, (decimal.Decimal, int)) and not isinstance(value, bool):
        return str(value)
    return value


def options(argv):
    return json.loads(argv[0]) if argv else None


def read(uri, storage):
    table = DeltaTable(uri, storage_options=storage)
    arrow = pa.table(table.to_pyarrow_table())
    order = [(arrow.column_names[0], "ascending")]
    rows = [plain(row) for row in arrow.sort_by(order).to_pylist()]
    protocol = table.protocol()
    print(
        json.dumps(
            {
                "version": table.version(),
                "reader": protocol.min_reader_version,
                "writer": protocol.min_writer_version,
                "partitions": table.metadata().partition_columns,
                "files": len(table.files() if hasattr(table, "files") else table.file_uris()),
                "schema": {field.name: str(field.type) for field in arrow.schema},
                "rows": rows,
            }
        )
    )


if __name__ == "__main__":
    command, *rest = sys.argv[1:]
    if command == "read":
        read(rest[0], options(rest[1:]))
