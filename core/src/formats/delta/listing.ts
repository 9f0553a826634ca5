import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Add, Snapshot } from '../../delta/actions.ts';
import { fileKey } from '../../delta/actions.ts';
import type { OpenEngine } from '../../delta/checkpoint.ts';
import { requireReadable } from '../../delta/features.ts';
import { readCommit, readSnapshot } from '../../delta/log.ts';
import { fromUri } from '../../delta/paths.ts';
import { columnsOf, type TableColumn } from '../../delta/types.ts';
import { deletedRows } from '../../delta/vectors.ts';
import type { ListedFile, TableFormat, TableRequest } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import type { Folder } from '../../model/folder.ts';
import type { JsonObject } from '../../model/json.ts';

/** What a file's reader is told. Files of this machine that hold the rest are named by their paths. */
export type Entry = JsonObject & {
  /** JSON of `TableColumn[]`. */
  columns: string;
  /** Partition values by the columns' names in the files. */
  partition: Record<string, string | null>;
  /** Numbers of deleted rows, as doubles; null: none. */
  deleted: string | null;
  /** Columns have other names in the files. */
  mapped: boolean;
};

type Position = JsonObject & { table: string; version: number };

export const deltaTable: TableFormat = {
  async list(folder, request) {
    const at = typeof request.settings.version === 'number' ? request.settings.version : null;
    const open: OpenEngine = (work) => request.withEngine(({ rows, folder: own }) => work({ rows, folder: own }));
    const table = await readSnapshot(folder, open, { at });
    if (!table) throw noTable(folder);
    requireReadable(table.protocol, folder.name);
    requireNames(table, folder);
    const since = request.since as Position | null;
    const adds = since ? await addedSince(folder, table, since, request) : [...table.files.values()];
    const columns = columnsOf(table.metadata);
    const described = await keep(request.spool, 'columns.json', Buffer.from(JSON.stringify(columns)), table);
    const files: ListedFile[] = [];
    for (const add of adds) files.push(await listed(folder, add, { request, table, columns, described }));
    return { files, position: { table: table.metadata.id, version: table.version } };
  },
};

async function listed(
  folder: Folder,
  add: Add,
  to: { request: TableRequest; table: Snapshot; columns: readonly TableColumn[]; described: string },
): Promise<ListedFile> {
  const { deletionVector: vector } = add;
  let deleted: string | null = null;
  if (vector) {
    const rows = new Float64Array(await deletedRows(folder, vector));
    deleted = await keep(to.request.spool, fileKey(add), Buffer.from(rows.buffer), to.table);
  }
  const mapped = to.columns.some((c) => c.physical !== c.name);
  const entry: Entry = { columns: to.described, partition: add.partitionValues, deleted, mapped };
  return {
    path: fromUri(add.path),
    size: add.size,
    modified_at: new Date(add.modificationTime).toISOString(),
    etag: vector ? `${vector.storageType}${vector.pathOrInlineDv}@${vector.offset ?? ''}` : null,
    entry,
  };
}

/** Writes what readers find again; the same for the same table, whoever lists it. */
async function keep(spool: string, name: string, bytes: Buffer, { metadata, version }: Snapshot): Promise<string> {
  await mkdir(spool, { recursive: true });
  const hash = createHash('sha256')
    .update(JSON.stringify([metadata.id, version, name]))
    .digest('hex');
  const path = join(spool, `delta-${hash.slice(0, 24)}`);
  await writeFile(path, bytes);
  return path;
}

/** Files that commits behind a position added. */
async function addedSince(
  folder: Folder,
  table: Snapshot,
  { table: id, version }: Position,
  { onChange, log }: TableRequest,
): Promise<Add[]> {
  if (id !== table.metadata.id || version > table.version) throw anotherTable(folder);
  const found = new Map<string, Add>();
  let changed = 0;
  for (let at = version + 1; at <= table.version; at++) {
    const commit = await readCommit(folder, at);
    const gone = commit.flatMap(({ remove }) => (remove?.dataChange ? [remove] : []));
    if (gone.length > 0 && onChange === 'fail') throw rowsChanged(folder, at);
    if (gone.length > 0) changed++;
    if (gone.length > 0 && onChange === 'ignore') continue;
    // Their rows come again with the file that took their place, or are gone.
    for (const remove of gone) found.delete(fileKey(remove));
    for (const { add } of commit) if (add?.dataChange) found.set(fileKey(add), add);
  }
  const commits = changed === 1 ? 'A commit' : `${changed} commits`;
  if (changed > 0 && onChange === 'ignore')
    log('warn', `${commits} of ${folder.name} that changed or deleted rows: passed over`);
  else if (changed > 0)
    log(
      'warn',
      `${commits} of ${folder.name} changed or deleted rows: what was written is loaded, rows that are gone stay in the destination`,
    );
  return [...found.values()];
}

function requireNames({ metadata }: Snapshot, folder: Folder): void {
  const mode = metadata.configuration?.['delta.columnMapping.mode'] ?? 'none';
  if (mode === 'none' || mode === 'name') return;
  throw new SluiceError(
    'format/delta-feature',
    'config',
    `${folder.name} cannot be read: it uses column mapping by ${mode}, which is not supported`,
    { hint: 'Column mapping by name is read: write the table anew with `delta.columnMapping.mode` = name.' },
  );
}

function noTable(folder: Folder): SluiceError {
  return new SluiceError('format/delta-none', 'config', `${folder.name} is no Delta table: it has no log`, {
    hint: 'Give `path` the folder that holds `_delta_log`; it is not a pattern.',
  });
}

function anotherTable(folder: Folder): SluiceError {
  return new SluiceError(
    'source/table-changed',
    'data',
    `${folder.name} is not the table that was loaded before: it was made anew, or set back`,
    { hint: 'Load it anew with --full-refresh.' },
  );
}

function rowsChanged(folder: Folder, version: number): SluiceError {
  return new SluiceError(
    'source/file-changed',
    'data',
    `Version ${version} of ${folder.name} changed or deleted rows that were loaded before`,
    {
      hint: 'Merge by a key, set `incremental: {on_change: ignore}`, or replace the whole table with `incremental: {type: none}`.',
    },
  );
}
