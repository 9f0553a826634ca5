// The plainest way to run one statement in DuckDB: what the benchmark calls "raw DuckDB".
// usage: node raw-duckdb.mjs FILE THREADS SQL
import { createRequire } from 'node:module';

const { DuckDBInstance } = createRequire(new URL('../../core/package.json', import.meta.url))('@duckdb/node-api');
const [file, threads, sql] = process.argv.slice(2);
const instance = await DuckDBInstance.create(file, { threads });
const connection = await instance.connect();
await connection.run(sql);
connection.closeSync();
instance.closeSync();
