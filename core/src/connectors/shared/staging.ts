import { mkdir, open, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { ReadyRows, StageRequest, StageToken } from '../../model/component.ts';
import type { StreamKey } from '../../model/run.ts';
import { literal } from '../../model/sql.ts';
import type { Column } from '../../model/type.ts';
import { typed } from './duck-rows.ts';
import { runHash } from './names.ts';
import { DELETE_MARK } from './tables.ts';

/** Folder of all staging beside a database file: hidden, so that no reader takes it for data. */
export function stagingRoot(warehouse: string): string {
  return join(dirname(warehouse), `.${basename(warehouse)}.sluice-staging`);
}

/** Folder of one run of one stream. */
export function stagingFolder(warehouse: string, key: StreamKey, runId: string): string {
  return join(stagingRoot(warehouse), runHash(key, runId));
}

/**
 * Writes a task's rows as Parquet under a temporary name, makes them durable and gives them their name. Another attempt of
 * the task writes a file of its own; only the one whose token is recorded is committed.
 */
export async function stageRows(
  folder: string,
  request: StageRequest,
  rows: ReadyRows,
  deletes: boolean,
): Promise<StageToken> {
  const epoch = join(folder, String(request.epoch));
  await mkdir(epoch, { recursive: true });
  const base = join(epoch, `${request.task}.${request.attempt}`);
  const columns: Column[] = deletes
    ? [...request.columns, { name: DELETE_MARK, type: { kind: 'boolean' } }]
    : request.columns;
  const data = `${base}.parquet`;
  const written = await copy(rows, `SELECT ${typed(columns)} FROM (${rows.sql}) AS r`, data);
  let quarantine: string | null = null;
  if (rows.quarantine) {
    quarantine = `${base}.quarantine.parquet`;
    await copy(rows, rows.quarantine, quarantine);
  }
  await syncFolder(epoch);
  return { rows: written, data, quarantine };
}

async function copy(rows: ReadyRows, select: string, path: string): Promise<number> {
  const partial = `${path}.partial`;
  const count = await rows.engine.changed(
    `COPY (${select}) TO ${literal(partial)} (FORMAT parquet, USE_TMP_FILE false)`,
  );
  const file = await open(partial, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(partial, path);
  return count;
}

async function syncFolder(path: string): Promise<void> {
  // Windows cannot open a folder; there the rename itself is all that can be asked for.
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Removes a run's staging or one epoch of it, and the folders above up to that of all staging when nothing is left in them. */
export async function removeStaging(warehouse: string, folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  if (dirname(folder) !== stagingRoot(warehouse)) await rmdir(dirname(folder)).catch(() => undefined);
  await rmdir(stagingRoot(warehouse)).catch(() => undefined);
}
