import { access } from 'node:fs/promises';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { fromDuckType } from '../../model/duck.ts';
import { SluiceError } from '../../model/error.ts';
import type { Column, DataType } from '../../model/type.ts';
import { type Budget, explainOpen } from './file.ts';

type Cell = string | number | boolean | null;

/** Runs one query on the file, read only and without reach to anything else. Throws destination/query-failed with DuckDB's words. */
export async function queryFile(
  path: string,
  budget: Budget,
  sql: string,
): Promise<{ columns: Column[]; rows: Cell[][] }> {
  await access(path).catch(() => {
    throw new SluiceError('destination/no-warehouse', 'config', `There is no DuckDB file at ${path} yet.`, {
      hint: 'Run a job first: it makes the file.',
    });
  });
  const instance = await DuckDBInstance.create(path, {
    access_mode: 'READ_ONLY',
    threads: String(budget.threads),
    memory_limit: `${Math.max(1, Math.floor(budget.memory / 1_000_000))}MB`,
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  }).catch((error) => {
    throw explainOpen(error, path);
  });
  try {
    const connection = await instance.connect();
    await connection.run("SET TimeZone = 'UTC'");
    await connection.run('SET enable_external_access = false');
    await connection.run('SET lock_configuration = true');
    try {
      return await read(connection, sql);
    } catch (error) {
      throw new SluiceError(
        'destination/query-failed',
        'config',
        error instanceof Error ? error.message : String(error),
      );
    } finally {
      connection.closeSync();
    }
  } finally {
    instance.closeSync();
  }
}

async function read(connection: DuckDBConnection, sql: string): Promise<{ columns: Column[]; rows: Cell[][] }> {
  const reader = await connection.runAndReadAll(sql);
  const types = reader.columnTypes().map((type) => fromDuckType(type.toString()));
  const columns = reader
    .deduplicatedColumnNames()
    .map((name, i) => ({ name, type: types[i] ?? { kind: 'text' as const } }));
  const rows = reader.getRowsJson().map((row) => row.map((value, i) => toCell(value, types[i] ?? { kind: 'text' })));
  return { columns, rows };
}

function toCell(value: unknown, type: DataType): Cell {
  if (value === null || value === undefined) return null;
  if (typeof value === 'object') return JSON.stringify(value);
  if (type.kind === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (type.kind === 'timestamp') return String(value).replace(' ', 'T');
  if (type.kind === 'timestamptz') return String(value).replace(' ', 'T').replace(/\+00$/, 'Z');
  return value as Cell;
}
