"""Reads an Arrow file or stream with pyarrow, looks through it, and writes it as Parquet. usage: arrow_parquet.py IN OUT; prints its types."""
import json
import sys

import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.parquet as pq

with open(sys.argv[1], "rb") as file:
    opened = ipc.open_file if file.read(6) == b"ARROW1" else ipc.open_stream
with pa.OSFile(sys.argv[1], "rb") as file:
    table = opened(file).read_all()
table.validate(full=True)
pq.write_table(table, sys.argv[2])
print(json.dumps({field.name: str(field.type) for field in table.schema}))
