import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fromDuckType } from '../model/duck.ts';
import { SluiceError } from '../model/error.ts';
import type { Folder, WritableFolder } from '../model/folder.ts';
import { ident, literal, literalList } from '../model/sql.ts';
import { type Action, LOG, type Snapshot } from './actions.ts';
import { fromUri } from './paths.ts';

/** A checkpoint: its parts below the log's folder. */
export interface Checkpoint {
  version: number;
  names: string[];
}

/** What reads and writes the Parquet files of a log, with a folder for their copies. */
export interface LogEngine {
  rows(sql: string): Promise<Record<string, unknown>[]>;
  readonly folder: string;
}

export type OpenEngine = <T>(work: (engine: LogEngine) => Promise<T>) => Promise<T>;

/** Fields of a checkpoint's columns that are wanted, in the spelling of the protocol. */
const WANTED: Readonly<Record<string, readonly string[]>> = {
  protocol: ['minReaderVersion', 'minWriterVersion', 'readerFeatures', 'writerFeatures'],
  metaData: ['id', 'name', 'description', 'format', 'schemaString', 'partitionColumns', 'configuration', 'createdTime'],
  add: ['path', 'partitionValues', 'size', 'modificationTime', 'dataChange', 'stats', 'deletionVector'],
  remove: ['path', 'deletionTimestamp', 'dataChange', 'partitionValues', 'size', 'deletionVector'],
  txn: ['appId', 'version', 'lastUpdated'],
  sidecar: ['path'],
};

/** The actions of a checkpoint of either version, those of its sidecars included. Throws `format/delta-log`. */
export async function* readCheckpoint(
  folder: Folder,
  { names, version }: Checkpoint,
  open: OpenEngine,
): AsyncIterable<Action> {
  const sidecars: string[] = [];
  for (const name of names)
    for (const action of await actionsOf(folder, `${LOG}/${name}`, open)) {
      if (action.sidecar) sidecars.push(sidecarPath(action.sidecar.path));
      else yield action;
    }
  for (const path of sidecars) yield* await actionsOf(folder, path, open);
  if (names.length === 0) throw unreadable(folder, String(version));
}

function sidecarPath(path: string): string {
  return path.includes('/') ? fromUri(path) : `${LOG}/_sidecars/${path}`;
}

async function actionsOf(folder: Folder, path: string, open: OpenEngine): Promise<Action[]> {
  const bytes = await folder.read(path);
  if (bytes === null) throw unreadable(folder, path);
  if (path.endsWith('.json'))
    return bytes
      .toString('utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Action);
  return open(async (engine) => {
    const copy = join(engine.folder, `checkpoint-${randomUUID()}.parquet`);
    await writeFile(copy, bytes);
    try {
      return await parquetActions(engine, copy);
    } catch (error) {
      throw unreadable(folder, path, error);
    } finally {
      await rm(copy, { force: true });
    }
  });
}

async function parquetActions(engine: LogEngine, path: string): Promise<Action[]> {
  const from = `read_parquet(${literal(path)})`;
  const columns = await engine.rows(`DESCRIBE SELECT * FROM ${from}`);
  const items: string[] = [];
  for (const { column_name: name, column_type: type } of columns) {
    const wanted = WANTED[String(name)];
    const has = fromDuckType(String(type));
    if (!wanted || has.kind !== 'struct') continue;
    const known = new Set(has.fields.map((field) => field.name));
    const fields = wanted.filter((field) => known.has(field));
    const [first = ''] = fields;
    const column = ident(String(name));
    const packed = fields.map((field) => `${ident(field)} := ${column}.${ident(field)}`).join(', ');
    items.push(
      `CASE WHEN ${column}.${ident(first)} IS NOT NULL THEN CAST(to_json(struct_pack(${packed})) AS VARCHAR) END AS ${column}`,
    );
  }
  const rows = await engine.rows(`SELECT ${items.join(', ')} FROM ${from}`);
  return rows.map((row) => {
    const action: Record<string, unknown> = {};
    for (const [name, text] of Object.entries(row)) if (text !== null) action[name] = JSON.parse(String(text));
    return action as Action;
  });
}

const MAP_OF_TEXT = 'MAP(VARCHAR, VARCHAR)';
const DV =
  'STRUCT(storageType VARCHAR, pathOrInlineDv VARCHAR, "offset" INTEGER, sizeInBytes INTEGER, cardinality BIGINT)';
const COLUMNS: Readonly<Record<string, string>> = {
  protocol:
    'STRUCT(minReaderVersion INTEGER, minWriterVersion INTEGER, readerFeatures VARCHAR[], writerFeatures VARCHAR[])',
  metaData: `STRUCT(id VARCHAR, name VARCHAR, description VARCHAR, "format" STRUCT(provider VARCHAR, options ${MAP_OF_TEXT}), schemaString VARCHAR, partitionColumns VARCHAR[], configuration ${MAP_OF_TEXT}, createdTime BIGINT)`,
  txn: 'STRUCT(appId VARCHAR, version BIGINT, lastUpdated BIGINT)',
  add: `STRUCT(path VARCHAR, partitionValues ${MAP_OF_TEXT}, size BIGINT, modificationTime BIGINT, dataChange BOOLEAN, stats VARCHAR, deletionVector ${DV})`,
  remove: `STRUCT(path VARCHAR, deletionTimestamp BIGINT, dataChange BOOLEAN, extendedFileMetadata BOOLEAN, partitionValues ${MAP_OF_TEXT}, size BIGINT, deletionVector ${DV})`,
};

/** How long a file that was removed is remembered: the protocol's own default. */
const TOMBSTONE_MS = 7 * 86_400_000;

/** Writes a checkpoint of a snapshot, as one Parquet file, and leaves word of it. A table without it is as right, only slower to open. */
export async function writeCheckpoint(folder: WritableFolder, table: Snapshot, open: OpenEngine): Promise<void> {
  const now = Date.now();
  const actions: Action[] = [{ protocol: table.protocol }, { metaData: table.metadata }];
  for (const [appId, version] of table.txns) actions.push({ txn: { appId, version, lastUpdated: now } });
  for (const add of table.files.values()) actions.push({ add: { ...add, dataChange: false } });
  for (const remove of table.removed.values())
    if ((remove.deletionTimestamp ?? 0) > now - TOMBSTONE_MS)
      actions.push({ remove: { ...remove, dataChange: false } });
  const name = `${String(table.version).padStart(20, '0')}.checkpoint.parquet`;
  await open(async (engine) => {
    const base = join(engine.folder, `checkpoint-${randomUUID()}`);
    const [lines, made] = [`${base}.ndjson`, `${base}.parquet`];
    try {
      const texts = actions.map((action) => JSON.stringify(action));
      await writeFile(lines, texts.join('\n'));
      // The engine holds buffers of this size for each of its threads.
      const longest = texts.reduce((most, text) => Math.max(most, Buffer.byteLength(text)), 1_000_000);
      const types = Object.entries(COLUMNS).map(([column, type]) => `${ident(column)}: ${literal(type)}`);
      const read = `read_json(${literalList([lines])}, format = 'newline_delimited', maximum_object_size = ${longest + 1}, columns = {${types.join(', ')}})`;
      await engine.rows(`COPY (SELECT * FROM ${read}) TO ${literal(made)} (FORMAT parquet)`);
      await folder.bring(made, `${LOG}/${name}`);
    } finally {
      await rm(lines, { force: true });
      await rm(made, { force: true });
    }
  });
  const last = { version: table.version, size: actions.length, numOfAddFiles: table.files.size };
  await folder.write(`${LOG}/_last_checkpoint`, Buffer.from(JSON.stringify(last)));
}

function unreadable(folder: Folder, what: string, cause?: unknown): SluiceError {
  return new SluiceError('format/delta-log', 'data', `The checkpoint ${what} of ${folder.name} cannot be read`, {
    hint: 'Restore the files in `_delta_log`.',
    cause,
  });
}
