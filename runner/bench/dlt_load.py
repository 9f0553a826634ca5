"""Loads CSV or Parquet files with dlt, as its documentation shows: filesystem source, read_csv_duckdb or read_parquet."""
import sys

import dlt
from dlt.sources.filesystem import filesystem, read_csv_duckdb, read_parquet

kind, folder, pattern, destination, target, disposition = sys.argv[1:7]
reader = read_parquet() if kind == "parquet" else read_csv_duckdb(use_pyarrow=True)
rows = (filesystem(bucket_url=folder, file_glob=pattern) | reader).with_name("big")
where = dlt.destinations.duckdb(target) if destination == "duckdb" else dlt.destinations.postgres(target)
pipeline = dlt.pipeline("bench", destination=where, dataset_name="dlt_bench", pipelines_dir=sys.argv[7])
pipeline.run(rows, write_disposition=disposition)
