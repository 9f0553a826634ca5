"""Loads with dlt, as its documentation shows: files by read_csv_duckdb, read_parquet or read_jsonl, a table by sql_table with pyarrow."""
import sys

import dlt
from dlt.sources.filesystem import filesystem, read_csv_duckdb, read_jsonl, read_parquet

kind, folder, pattern, destination, target, disposition = sys.argv[1:7]
if kind == "sql":
    from dlt.sources.sql_database import sql_table

    schema, table = pattern.split(".")
    rows = sql_table(credentials=folder, schema=schema, table=table, backend="pyarrow").with_name("big")
else:
    readers = {"parquet": read_parquet, "jsonl": read_jsonl, "csv": lambda: read_csv_duckdb(use_pyarrow=True)}
    reader = readers[kind]()
    rows = (filesystem(bucket_url=folder, file_glob=pattern) | reader).with_name("big")
where = {"duckdb": dlt.destinations.duckdb, "postgres": dlt.destinations.postgres, "files": dlt.destinations.filesystem}[destination](target)
pipeline = dlt.pipeline("bench", destination=where, dataset_name="dlt_bench", pipelines_dir=sys.argv[7])
options = {"loader_file_format": "parquet"} if destination == "files" else {}
pipeline.run(rows, write_disposition=disposition, **options)
