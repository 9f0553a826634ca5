import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DestinationSession, FormatWriter } from '../../../model/component.ts';
import { toDuckType } from '../../../model/duck.ts';
import type { FileIdentity, StreamKey } from '../../../model/run.ts';
import { ident, literal, literalList } from '../../../model/sql.ts';
import { type Column, formatType } from '../../../model/type.ts';
import { closeAccess, openInstance } from '../duck-instance.ts';
import { type Cell, readSelect } from '../duck-rows.ts';
import { goesOn, type ReadDoor } from '../quarantine.ts';
import type { FileState } from './state.ts';

/** Files of one commit, as they lie on this machine. */
export interface CommittedFiles {
  format: string;
  columns: Column[];
  paths: string[];
  /** Files of rows that were set aside. */
  aside: string[];
}

export interface FilesToQuery {
  /** Folder that holds all of them. */
  place: string;
  commits: readonly CommittedFiles[];
  schema: string | null;
  table: string;
  key: StreamKey;
  budget: { threads: number; memory: number } | undefined;
  state: (FileState & { fence: number }) | null;
  ledger(): Promise<Map<string, FileIdentity>>;
  writer(format: string): Promise<FormatWriter>;
}

/**
 * Runs one SELECT over the committed files as a table of the stream's name, with `_sluice_state`, `_sluice_files` and
 * `_sluice_quarantine` beside it. Throws destination/query-failed with the engine's words.
 */
export async function queryFiles(files: FilesToQuery, sql: string): Promise<{ columns: Column[]; rows: Cell[][] }> {
  const budget = files.budget ?? { threads: 2, memory: 1_000_000_000 };
  const { instance, connection } = await openInstance(':memory:', budget);
  const scratch = await mkdtemp(join(tmpdir(), 'sluice-query-'));
  try {
    const { data, aside } = await tablesOf(files, scratch);
    for (const statement of [...data, ...aside, ...(await ownTables(files))]) await connection.run(statement);
    await connection.run(`SET allowed_directories = [${literal(files.place)}, ${literal(scratch)}]`);
    await closeAccess(connection);
    return await readSelect(connection, sql);
  } finally {
    connection.closeSync();
    instance.closeSync();
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Statements that make views of the data, and of the rows set aside. */
async function tablesOf(files: FilesToQuery, scratch: string): Promise<{ data: string[]; aside: string[] }> {
  const groups = new Map<string, CommittedFiles>();
  const aside = files.commits.flatMap((commit) => commit.aside);
  for (const commit of files.commits) {
    const id = JSON.stringify([commit.format, commit.columns]);
    const group = groups.get(id) ?? { ...commit, paths: [] };
    group.paths.push(...commit.paths);
    groups.set(id, group);
  }
  const table = files.state?.table ?? [];
  const types = new Map(table.map((c) => [c.name, c.type]));
  const parts: string[] = [empty(table)];
  for (const { format, columns, paths } of groups.values()) {
    if (paths.length === 0) continue;
    const writer = await files.writer(format);
    const casts = columns.map((c) => {
      const type = types.get(c.name) ?? c.type;
      return formatType(type) === formatType(c.type)
        ? ident(c.name)
        : `CAST(${ident(c.name)} AS ${toDuckType(type)}) AS ${ident(c.name)}`;
    });
    parts.push(`SELECT ${casts.join(', ')} FROM (${await writer.read(paths, columns, scratch)})`);
  }
  const place = files.schema === null ? [] : [`CREATE SCHEMA IF NOT EXISTS ${ident(files.schema)}`];
  const own = files.schema === null ? ident(files.table) : ident(files.schema, files.table);
  const data = table.length > 0 ? [...place, `CREATE VIEW ${own} AS ${parts.join(' UNION ALL BY NAME ')}`] : place;
  return { data, aside: [asideView(aside, files)] };
}

function empty(columns: readonly Column[]): string {
  return `SELECT ${columns.map((c) => `CAST(NULL AS ${toDuckType(c.type)}) AS ${ident(c.name)}`).join(', ')} WHERE false`;
}

const ASIDE: Column[] = (
  ['job', 'stream', 'run_id', 'code', 'reason', 'path', 'row_number', 'byte_offset', 'row', 'quarantined_at'] as const
).map((name) => ({
  name,
  type: {
    kind:
      name === 'row_number' || name === 'byte_offset' ? 'bigint' : name === 'quarantined_at' ? 'timestamptz' : 'text',
  },
}));

function asideView(paths: readonly string[], { key, state }: FilesToQuery): string {
  const types = ASIDE.map((c) => `${literal(c.name)}: ${literal(toDuckType(c.type))}`).join(', ');
  const rows =
    paths.length === 0
      ? empty(ASIDE)
      : `SELECT * FROM read_json(${literalList(paths)}, format = 'newline_delimited', hive_partitioning = false, columns = {${types}})`;
  const marks = (state?.replayed ?? []).map(
    ({ entry, run, commit }) => `WHEN run_id = ${literal(run)} AND ${goesOn(entry)} THEN ${literal(commit)}`,
  );
  const mark = marks.length > 0 ? `CASE ${marks.join(' ')} END` : 'NULL::VARCHAR';
  const place = `${literal(key.project)} AS project, ${literal(key.target)} AS target`;
  return `CREATE VIEW _sluice_quarantine AS SELECT ${place}, *, ${mark} AS replayed_by FROM (${rows})`;
}

async function ownTables(files: FilesToQuery): Promise<string[]> {
  const { state, key } = files;
  const fixed = [key.project, key.target, key.job, key.stream].map(literal).join(', ');
  const statements = [
    'CREATE TABLE _sluice_state (project VARCHAR, target VARCHAR, job VARCHAR, stream VARCHAR, fence BIGINT, seq BIGINT, commit_id VARCHAR, checkpoint VARCHAR, counts VARCHAR)',
    'CREATE TABLE _sluice_files (project VARCHAR, target VARCHAR, job VARCHAR, stream VARCHAR, path VARCHAR, size BIGINT, modified_at VARCHAR, etag VARCHAR)',
  ];
  const orNull = (text: string | null) => (text === null ? 'NULL' : literal(text));
  if (!state) return statements;
  const checkpoint = state.checkpoint === null ? 'NULL' : literal(JSON.stringify(state.checkpoint));
  statements.push(
    `INSERT INTO _sluice_state VALUES (${fixed}, ${state.fence}, ${state.seq}, ${orNull(state.commitId)}, ${checkpoint}, ${literal(JSON.stringify(state.counts))})`,
  );
  const entries = [...(await files.ledger()).values()];
  for (let at = 0; at < entries.length; at += 500) {
    const rows = entries
      .slice(at, at + 500)
      .map((f) => `(${fixed}, ${literal(f.path)}, ${f.size}, ${orNull(f.modified_at)}, ${orNull(f.etag)})`);
    statements.push(`INSERT INTO _sluice_files VALUES ${rows.join(', ')}`);
  }
  return statements;
}

/** The rows set aside, through a query on `_sluice_quarantine`. */
export function asideDoor(key: StreamKey, query: DestinationSession['query']): ReadDoor {
  const rows = async (sql: string) => {
    const found = await query(sql);
    return found.rows.map((row) => Object.fromEntries(found.columns.map(({ name }, i) => [name, row[i] ?? null])));
  };
  return { db: { rows }, place: [], key };
}
