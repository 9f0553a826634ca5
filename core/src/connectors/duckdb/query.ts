import { access } from 'node:fs/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import { SluiceError } from '../../model/error.ts';
import type { Column } from '../../model/type.ts';
import { type Cell, readRows } from '../shared/duck-rows.ts';
import { type Budget, explainOpen } from './file.ts';

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
      return await readRows(connection, sql);
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
