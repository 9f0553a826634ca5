import { access } from 'node:fs/promises';
import { SluiceError } from '../../model/error.ts';
import type { Column } from '../../model/type.ts';
import { closeAccess, openInstance } from '../shared/duck-instance.ts';
import { type Cell, readRows } from '../shared/duck-rows.ts';
import { queryFailed } from '../shared/errors.ts';
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
  const { instance, connection } = await openInstance(path, { ...budget, readOnly: true }).catch((error) => {
    throw explainOpen(error, path);
  });
  try {
    await closeAccess(connection);
    return await readRows(connection, sql).catch((error) => {
      throw queryFailed(error);
    });
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
