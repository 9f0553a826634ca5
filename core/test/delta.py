"""Reads and writes Delta tables with the `deltalake` package, for tests.

`delta.py read URI [OPTIONS]` prints a table as JSON; `delta.py make FOLDER` writes many tables into a folder and prints what each
of them holds; `delta.py write NAME FOLDER` writes a small one; `delta.py count FOLDER` counts rows and adds up their ids;
`delta.py vacuum FOLDER` removes files that the newest version does not name.
"""

import datetime as dt
import decimal
import glob
import json
import os
import re
import struct
import sys
import uuid

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, QueryBuilder, write_deltalake

UTC = dt.timezone.utc


def plain(value):
    """A value as JSON, every kind in one spelling."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value


def read(uri, storage=None):
    table = DeltaTable(uri, storage_options=storage)
    arrow = pa.table(table.to_pyarrow_table())
    protocol = table.protocol()
    return {
        "version": table.version(),
        "reader": protocol.min_reader_version,
        "writer": protocol.min_writer_version,
        "partitions": table.metadata().partition_columns,
        "files": len(table.file_uris()),
        "schema": {field.name: str(field.type) for field in arrow.schema},
        "rows": sorted((plain(row) for row in arrow.to_pylist()), key=lambda row: int(row[arrow.column_names[0]])),
    }


def queried(path):
    """The rows by the package's own query engine, which knows more features than its way to pyarrow does."""
    found = QueryBuilder().register("t", DeltaTable(path)).execute("SELECT * FROM t").read_all()
    arrow = pa.table(found)
    first = arrow.column_names[0]
    return sorted((plain(row) for row in arrow.to_pylist()), key=lambda row: int(row[first]))


REGIONS = ["North West", "50%/a", "Größe", None, "a=b&c", "__HIVE_DEFAULT_PARTITION__ "]


def orders(start, count):
    ids = list(range(start, start + count))
    return pa.table(
        {
            "id": pa.array(ids, pa.int64()),
            "region": pa.array([REGIONS[i % len(REGIONS)] for i in ids], pa.string()),
            "day": pa.array([None if i % 5 == 4 else dt.date(2026, 1, 1 + i % 3) for i in ids], pa.date32()),
            "amount": pa.array([decimal.Decimal(i) / 4 for i in ids], pa.decimal128(12, 2)),
            "wall": pa.array([dt.datetime(2026, 1, 1, i % 24, 0, 0, i) for i in ids], pa.timestamp("us")),
            "inst": pa.array([dt.datetime(2026, 1, 1, i % 24, 30, tzinfo=UTC) for i in ids], pa.timestamp("us", "UTC")),
            "small": pa.array([i % 100 for i in ids], pa.int8()),
            "single": pa.array([i / 2 for i in ids], pa.float32()),
            "flag": pa.array([None if i % 3 == 0 else i % 2 == 0 for i in ids], pa.bool_()),
            "raw": pa.array([bytes([0, i % 256]) for i in ids], pa.binary()),
            "tags": pa.array([[f"t{i}", None] for i in ids], pa.list_(pa.string())),
            "nested": pa.array([{"a": i, "b": {"c": f"x{i}"}} for i in ids]),
        }
    )


def partitioned(path):
    """Appends, deletes that copy, an update, partitions of texts, dates and nulls, and a checkpoint in the middle."""
    write_deltalake(path, orders(0, 12), partition_by=["region", "day"])
    write_deltalake(path, orders(12, 6), mode="append")
    table = DeltaTable(path)
    table.delete("id = 3 OR id = 9")
    table.update(predicate="id = 4", updates={"amount": "99.75"})
    table.create_checkpoint()
    write_deltalake(path, orders(18, 4), mode="append")


def evolved(path):
    """A column that comes later, and a compaction."""
    write_deltalake(path, pa.table({"id": [1, 2], "s": ["a", "b"]}))
    later = pa.table({"id": [3], "s": ["c"], "extra": [7]})
    write_deltalake(path, later, mode="append", schema_mode="merge")
    write_deltalake(path, pa.table({"id": [4], "s": ["d"]}), mode="append", schema_mode="merge")
    DeltaTable(path).optimize.compact()


def merged(path):
    write_deltalake(path, pa.table({"id": [1, 2, 3], "s": ["a", "b", "c"]}))
    source = pa.table({"id": [2, 4], "s": ["new", "d"]})
    (
        DeltaTable(path)
        .merge(source, predicate="t.id = s.id", source_alias="s", target_alias="t")
        .when_matched_update_all()
        .when_not_matched_insert_all()
        .execute()
    )


def log(path, version, ending="json"):
    return os.path.join(path, "_delta_log", f"{version:020}.{ending}")


def with_checkpoint(path):
    """Four versions, a checkpoint of the third, and no log before it."""
    for i in range(4):
        write_deltalake(path, pa.table({"id": [i], "s": [f"v{i}"]}), mode="append")
        if i == 2:
            DeltaTable(path).create_checkpoint()
    for i in range(3):
        os.remove(log(path, i))


def in_parts(path):
    with_checkpoint(path)
    whole = pq.read_table(log(path, 2, "checkpoint.parquet"))
    os.remove(log(path, 2, "checkpoint.parquet"))
    for part, rows in enumerate([whole.slice(0, 2), whole.slice(2)], 1):
        pq.write_table(rows, log(path, 2, f"checkpoint.{part:010}.{2:010}.parquet"))
    last = {"version": 2, "size": whole.num_rows, "parts": 2}
    with open(os.path.join(path, "_delta_log", "_last_checkpoint"), "w") as file:
        json.dump(last, file)


def second_version(path, ending):
    """A checkpoint of version 2: one file for the table, a sidecar for the data files."""
    with_checkpoint(path)
    whole = pq.read_table(log(path, 2, "checkpoint.parquet"))
    os.remove(log(path, 2, "checkpoint.parquet"))
    os.remove(os.path.join(path, "_delta_log", "_last_checkpoint"))
    is_add = pa.array([row is not None for row in whole["add"].to_pylist()])
    os.makedirs(os.path.join(path, "_delta_log", "_sidecars"))
    sidecar = f"{uuid.uuid4()}.parquet"
    sidecar_path = os.path.join(path, "_delta_log", "_sidecars", sidecar)
    pq.write_table(whole.filter(is_add).select(["add"]), sidecar_path)
    rest = [
        {key: value for key, value in row.items() if value is not None and key in ("protocol", "metaData", "txn")}
        for row in whole.to_pylist()
        if row["add"] is None
    ]
    for row in rest:
        if "protocol" in row:
            features = {"readerFeatures": ["v2Checkpoint"], "writerFeatures": ["v2Checkpoint"]}
            row["protocol"] = {"minReaderVersion": 3, "minWriterVersion": 7, **features}
        if "metaData" in row:
            for key in ("configuration",):
                row["metaData"][key] = dict(row["metaData"].get(key) or [])
            row["metaData"]["format"]["options"] = {}
    size = os.path.getsize(sidecar_path)
    rest.append({"checkpointMetadata": {"version": 2, "tags": {}}})
    rest.append({"sidecar": {"path": sidecar, "sizeInBytes": size, "modificationTime": 0, "tags": {}}})
    name = log(path, 2, f"checkpoint.{uuid.uuid4()}.{ending}")
    rest = [row for row in rest if row]
    if ending == "json":
        with open(name, "w") as file:
            file.write("".join(json.dumps(row) + "\n" for row in rest))
        return
    text = pa.map_(pa.string(), pa.string())
    file_format = pa.struct([("provider", pa.string()), ("options", text)])
    metadata = [("id", pa.string()), ("format", file_format), ("schemaString", pa.string())]
    metadata += [("partitionColumns", pa.list_(pa.string())), ("configuration", text), ("createdTime", pa.int64())]
    protocol = [("minReaderVersion", pa.int32()), ("minWriterVersion", pa.int32())]
    protocol += [("readerFeatures", pa.list_(pa.string())), ("writerFeatures", pa.list_(pa.string()))]
    side = [("path", pa.string()), ("sizeInBytes", pa.int64()), ("modificationTime", pa.int64()), ("tags", text)]
    schema = pa.schema(
        [
            ("protocol", pa.struct(protocol)),
            ("metaData", pa.struct(metadata)),
            ("checkpointMetadata", pa.struct([("version", pa.int64()), ("tags", text)])),
            ("sidecar", pa.struct(side)),
        ]
    )
    pq.write_table(pa.Table.from_pylist(rest, schema), name)


def rewrite_log(path, version, change):
    """Changes the actions of a version."""
    with open(log(path, version)) as file:
        actions = [json.loads(line) for line in file]
    actions = [action for old in actions for action in change(old)]
    with open(log(path, version), "w") as file:
        file.write("".join(json.dumps(action) + "\n" for action in actions))


def mapped(path):
    """Column mapping by name: columns that were renamed, one of them a partition, one nested, and one that was dropped."""
    rows = {
        "col-1": pa.array([1, 2, 3], pa.int64()),
        "col-2": pa.array(["x y", None, "z"]),
        "col-3": pa.array([{"col-4": "deep"}, None, {"col-4": None}], pa.struct([("col-4", pa.string())])),
        "dropped": pa.array([9, 9, 9]),
    }
    write_deltalake(path, pa.table(rows), partition_by=["col-2"])

    def field(name, kind, physical, number):
        of = {"delta.columnMapping.id": number, "delta.columnMapping.physicalName": physical}
        return {"name": name, "type": kind, "nullable": True, "metadata": of}

    inner = {"type": "struct", "fields": [field("inner name", "string", "col-4", 4)]}
    fields = [field("id", "long", "col-1", 1), field("a region", "string", "col-2", 2), field("nested", inner, "col-3", 3)]

    def change(action):
        if "metaData" in action:
            action["metaData"]["schemaString"] = json.dumps({"type": "struct", "fields": fields})
            action["metaData"]["partitionColumns"] = ["a region"]
            action["metaData"]["configuration"] = {
                "delta.columnMapping.mode": "name",
                "delta.columnMapping.maxColumnId": "5",
            }
        if "protocol" in action:
            action["protocol"] = {"minReaderVersion": 2, "minWriterVersion": 5}
        return [action]

    rewrite_log(path, 0, change)


def portable(rows):
    """A roaring bitmap of 64-bit numbers: an array, a bitmap and, where rows follow each other, runs."""
    keys = sorted({row >> 16 for row in rows})
    header, bodies = b"", []
    flags = bytearray((len(keys) + 7) // 8)
    for i, key in enumerate(keys):
        low = sorted(row & 0xFFFF for row in rows if row >> 16 == key)
        header += struct.pack("<HH", key, len(low) - 1)
        if len(low) > 2 and low[-1] - low[0] == len(low) - 1:
            flags[i // 8] |= 1 << (i % 8)
            bodies.append(struct.pack("<HHH", 1, low[0], len(low) - 1))
        elif len(low) > 4096:
            bits = bytearray(8192)
            for row in low:
                bits[row // 8] |= 1 << (row % 8)
            bodies.append(bytes(bits))
        else:
            bodies.append(struct.pack(f"<{len(low)}H", *low))
    runs = any(flags)
    start = struct.pack("<HH", 12347, len(keys) - 1) + bytes(flags) if runs else struct.pack("<II", 12346, len(keys))
    offsets = b""
    if not runs or len(keys) >= 4:
        at = len(start) + len(header) + 4 * len(keys)
        for body in bodies:
            offsets += struct.pack("<I", at)
            at += len(body)
    return struct.pack("<iQI", 1681511377, 1, 0) + start + header + offsets + b"".join(bodies)


Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"


def z85(data):
    text = ""
    for (value,) in struct.iter_unpack(">I", data):
        digits = ""
        for _ in range(5):
            digits = Z85[value % 85] + digits
            value //= 85
        text += digits
    return text


def with_vectors(path):
    """Two files, rows of the first deleted by a vector in a file, of the second by one in the log."""
    big = 200_000
    write_deltalake(path, pa.table({"id": pa.array(range(big), pa.int64())}))
    write_deltalake(path, pa.table({"id": pa.array(range(big, big + 10), pa.int64())}), mode="append")
    gone = [1, 3, 5] + list(range(70_000, 80_000)) + [i for i in range(140_000, 160_000) if i % 2 == 0]
    bitmap = portable(gone)
    name = uuid.uuid4()
    import zlib

    with open(os.path.join(path, f"deletion_vector_{name}.bin"), "wb") as file:
        file.write(b"\x01" + struct.pack(">I", len(bitmap)) + bitmap + struct.pack(">I", zlib.crc32(bitmap)))
    small = portable([0, 9])
    inline = small + b"\0" * (-len(small) % 4)
    vectors = [
        {"storageType": "u", "pathOrInlineDv": z85(name.bytes), "offset": 1, "sizeInBytes": len(bitmap), "cardinality": len(gone)},
        {"storageType": "i", "pathOrInlineDv": z85(inline), "sizeInBytes": len(small), "cardinality": 2},
    ]
    for version, vector in enumerate(vectors):

        def change(action, vector=vector):
            if "add" in action:
                action["add"]["deletionVector"] = vector
                stats = json.loads(action["add"]["stats"])
                action["add"]["stats"] = json.dumps({**stats, "tightBounds": False})
            if "protocol" in action:
                features = {"readerFeatures": ["deletionVectors"], "writerFeatures": ["deletionVectors"]}
                action["protocol"] = {"minReaderVersion": 3, "minWriterVersion": 7, **features}
            if "metaData" in action:
                action["metaData"]["configuration"] = {"delta.enableDeletionVectors": "true"}
            return [action]

        rewrite_log(path, version, change)
    deleted = set(gone) | {big, big + 9}
    return [{"id": str(i)} for i in range(big + 10) if i not in deleted]


def make(folder):
    found = {}
    for case in (partitioned, evolved, merged, with_checkpoint, in_parts):
        path = os.path.join(folder, case.__name__)
        case(path)
        found[case.__name__] = read(path)
    for ending in ("json", "parquet"):
        path = os.path.join(folder, f"v2_{ending}")
        second_version(path, ending)
        found[f"v2_{ending}"] = {"rows": queried(path)}
    path = os.path.join(folder, "mapped")
    mapped(path)
    found["mapped"] = {"rows": queried(path)}
    path = os.path.join(folder, "vectors")
    rows = with_vectors(path)
    found["vectors"] = {"count": len(rows), "sum": str(sum(int(row["id"]) for row in rows)), "own": len(queried(path))}
    return found


def plain_table(path):
    """Names in mixed case, narrow types, and a column that may not be null."""
    fields = [("Id", pa.int64()), ("small", pa.int8()), ("single", pa.float32())]
    schema = pa.schema([pa.field(*field) for field in fields] + [pa.field("name", pa.string(), nullable=False)])
    write_deltalake(path, pa.Table.from_pylist([{"Id": 1, "small": 7, "single": 1.5, "name": "a"}], schema))


def append_only(path):
    write_deltalake(path, pa.table({"id": [1]}), configuration={"delta.appendOnly": "true"})


SMALL = {"plain": plain_table, "append_only": append_only}


if __name__ == "__main__":
    command, *rest = sys.argv[1:]
    answer = None
    if command == "read":
        answer = read(rest[0], json.loads(rest[1]) if len(rest) > 1 else None)
    elif command == "vacuum":
        answer = DeltaTable(rest[0]).vacuum(0, dry_run=False, enforce_retention_duration=False)
    elif command == "count":
        answer = {"count": len(queried(rest[0])), "sum": str(sum(int(row["id"]) for row in queried(rest[0])))}
    elif command == "write":
        SMALL[rest[0]](rest[1])
    elif command == "make":
        answer = make(rest[0])
    print(json.dumps(answer), flush=True)
    # Threads of the packages now and then end a process that ends by itself with an error.
    os._exit(0)
