import { SluiceError } from '@sluice/core';
import type pg from 'pg';
import { type Database, SCHEMA } from './connection.ts';
import { schemaVersion } from './migrate.ts';
import { failDead } from './runs.ts';

/** First line of an exported state. */
interface Header {
  sluice_state: 1;
  /** Number of the newest migration of the store that it came from. */
  schema: number;
  /** null: of all projects of the store. */
  project: string | null;
  exported_at: string;
}

export interface Exported {
  rows: number;
  /** Runs that were alive: what they commit from now on is not in it. */
  alive: number;
}

export interface Imported {
  rows: number;
  /** Rows that were there already. */
  known: number;
  project: string | null;
}

/** Tables that mean something to one server alone. */
const NOT_CARRIED: ReadonlySet<string> = new Set(['schema_migrations', 'leases', 'nodes', 'reconcilers', 'events']);
const BATCH = 500;

/**
 * Writes the state of a project, or of all, as lines of JSON: a header, one line for each row, and an end by which a file that
 * was cut short is known. All of it is of one moment. Rows stay text, so that no digit is lost on the way.
 */
export function exportState(
  db: Database,
  project: string | null,
  write: (line: string) => Promise<void>,
): Promise<Exported> {
  return db.transaction(async (client) => {
    await client.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
    // Whoever takes the lines may be slow.
    await client.query('SET LOCAL idle_in_transaction_session_timeout = 0');
    const header: Header = { sluice_state: 1, schema: schemaVersion(), project, exported_at: new Date().toISOString() };
    await write(JSON.stringify(header));
    let rows = 0;
    for (const table of await tablesOf(client)) {
      const filter = project === null ? 'true' : filterOf(table);
      const values = filter.includes('$1') ? [project] : [];
      await client.query(
        `DECLARE exported NO SCROLL CURSOR FOR SELECT row_to_json(t)::text AS row FROM ${table.name} AS t WHERE ${filter} ORDER BY ${table.key}`,
        values,
      );
      for (;;) {
        const { rows: found } = await client.query(`FETCH ${BATCH} FROM exported`);
        for (const { row } of found) await write(`{"table":"${table.name}","row":${row}}`);
        rows += found.length;
        if (found.length < BATCH) break;
      }
      await client.query('CLOSE exported');
    }
    await write(JSON.stringify({ end: true, rows }));
    const { rows: alive } = await client.query(
      'SELECT count(*)::int AS n FROM leases WHERE $1::text IS NULL OR project = $1',
      [project],
    );
    return { rows, alive: Number(alive[0]?.n ?? 0) };
  });
}

/**
 * Reads an exported state into this store, in one transaction: rows that are there already stay as they are, so that doing it
 * twice changes nothing. Runs that were alive count as ended. Throws `state/file` where the text is none, or was cut short;
 * `store/newer` where it comes from a store that is ahead of this program.
 */
export function importState(db: Database, lines: AsyncIterable<string>): Promise<Imported> {
  return db.transaction(async (client) => {
    await client.query('SET LOCAL idle_in_transaction_session_timeout = 0');
    const loader = new Loader(client, await tablesOf(client));
    let header: Header | null = null;
    let ended = false;
    for await (const line of lines) {
      if (line.trim() === '') continue;
      if (ended) throw badFile('there is text behind its end');
      if (header === null) header = headerOf(line);
      else if (!(await loader.take(line))) ended = endOf(line, loader.taken);
    }
    if (header === null) throw badFile('it is empty');
    if (!ended) throw badFile('it was cut short: its last line is missing');
    const rows = await loader.finish();
    return { rows, known: loader.taken - rows, project: header.project };
  });
}

class Loader {
  /** Rows that the file held. */
  taken = 0;
  readonly #client: pg.PoolClient;
  readonly #tables: ReadonlyMap<string, Table>;
  #table = '';
  #batch: string[] = [];
  #inserted = 0;

  constructor(client: pg.PoolClient, tables: readonly Table[]) {
    this.#client = client;
    this.#tables = new Map(tables.map((table) => [table.name, table]));
  }

  /** false: the line is no row. */
  async take(line: string): Promise<boolean> {
    const found = /^\{"table":"([a-z0-9_]+)","row":(\{.*\})\}$/s.exec(line);
    if (!found) return false;
    const [, table = '', row = ''] = found;
    if (table !== this.#table || this.#batch.length >= BATCH) await this.#flush();
    this.#table = table;
    this.#batch.push(row);
    this.taken++;
    return true;
  }

  /** Gives the number of rows that are new here. */
  async finish(): Promise<number> {
    await this.#flush();
    const { rows } = await this.#client.query(
      `SELECT id FROM runs WHERE state IN ('running', 'committing') AND NOT EXISTS (SELECT 1 FROM leases WHERE run = id)`,
    );
    for (const { id } of rows) await failDead(this.#client, id);
    for (const { name, identity } of this.#tables.values()) {
      if (identity === null) continue;
      await this.#client.query(
        `SELECT setval(pg_get_serial_sequence('${SCHEMA}.${name}', '${identity}'), greatest((SELECT max(${identity}) FROM ${name}), 1))
         WHERE EXISTS (SELECT 1 FROM ${name})`,
      );
    }
    return this.#inserted;
  }

  async #flush(): Promise<void> {
    if (this.#batch.length === 0) return;
    const table = this.#tables.get(this.#table);
    if (!table) throw badFile(`it has rows of a table ${this.#table}, which this sluice does not know`);
    // Columns that a later migration added keep their defaults.
    const names = Object.keys(parsed(this.#batch[0] ?? '')).filter((name) => table.columns.includes(name));
    const list = names.map((name) => `"${name}"`).join(', ');
    const text = `[${this.#batch.join(',')}]`;
    this.#batch = [];
    const { rowCount } = await this.#client
      .query(
        `INSERT INTO ${table.name} (${list}) OVERRIDING SYSTEM VALUE
         SELECT ${list} FROM json_populate_recordset(NULL::${table.name}, $1::json) ON CONFLICT DO NOTHING`,
        [text],
      )
      .catch((error: Error) => {
        throw badFile(`a row of ${table.name} does not fit: ${error.message}`);
      });
    this.#inserted += rowCount ?? 0;
  }
}

interface Table {
  name: string;
  columns: string[];
  /** By which its rows are in a stable order. */
  key: string;
  /** Column whose values the server makes; null: none. */
  identity: string | null;
  /** Tables that its rows point to: by which of its columns, to which of theirs. */
  parents: { table: Table; columns: string[]; theirs: string[] }[];
}

/** Every table that is carried, those that others point to first. */
async function tablesOf(client: pg.PoolClient): Promise<Table[]> {
  const { rows } = await client.query(
    `SELECT c.relname AS name,
       array_agg(a.attname::text ORDER BY a.attnum) AS columns,
       min(a.attname) FILTER (WHERE pg_get_serial_sequence(format('%I.%I', $1::text, c.relname), a.attname) IS NOT NULL) AS identity
     FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
     WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = $1::regnamespace GROUP BY c.relname ORDER BY c.relname`,
    [SCHEMA],
  );
  const tables = new Map<string, Table>();
  for (const { name, columns, identity } of rows) {
    if (!NOT_CARRIED.has(name)) tables.set(name, { name, columns, key: '1', identity, parents: [] });
  }
  const keys = await client.query(
    `SELECT t.relname AS name, r.relname AS parent, k.contype AS kind,
       (SELECT array_agg(attname::text ORDER BY n) FROM unnest(k.conkey) WITH ORDINALITY AS u(attnum, n)
         JOIN pg_attribute USING (attnum) WHERE attrelid = k.conrelid) AS columns,
       (SELECT array_agg(attname::text ORDER BY n) FROM unnest(k.confkey) WITH ORDINALITY AS u(attnum, n)
         JOIN pg_attribute USING (attnum) WHERE attrelid = k.confrelid) AS theirs
     FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid LEFT JOIN pg_class r ON r.oid = k.confrelid
     WHERE k.contype IN ('f', 'p') AND t.relnamespace = $1::regnamespace`,
    [SCHEMA],
  );
  for (const { name, parent, kind, columns, theirs } of keys.rows) {
    const table = tables.get(name);
    const above = tables.get(parent);
    if (table && kind === 'p') table.key = columns.map((column: string) => `"${column}"`).join(', ');
    else if (table && above && above !== table) table.parents.push({ table: above, columns, theirs });
  }
  const ordered = new Set<Table>();
  const visit = (table: Table): void => {
    if (ordered.has(table)) return;
    for (const { table: above } of table.parents) visit(above);
    ordered.add(table);
  };
  for (const table of tables.values()) visit(table);
  return [...ordered];
}

/** SQL that is true for the rows of project `$1`, through the rows that they point to where they do not say it themselves. */
function filterOf(table: Table): string {
  if (table.columns.includes('project')) return 'project = $1';
  const [parent] = table.parents.filter((one) => filterOf(one.table) !== 'true');
  if (!parent) return 'true';
  const list = (names: readonly string[]) => `(${names.map((name) => `"${name}"`).join(', ')})`;
  const theirs = parent.theirs.map((name) => `"${name}"`).join(', ');
  return `${list(parent.columns)} IN (SELECT ${theirs} FROM ${parent.table.name} WHERE ${filterOf(parent.table)})`;
}

function parsed(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Told below.
  }
  throw badFile('a line of it is no JSON');
}

function headerOf(line: string): Header {
  const value = parsed(line);
  if (value.sluice_state !== 1 || typeof value.schema !== 'number') throw badFile('its first line is no header');
  if (value.schema > schemaVersion()) {
    const message = `The exported state has schema ${value.schema}, this sluice knows ${schemaVersion()}`;
    throw new SluiceError('store/newer', 'config', message, {
      hint: 'Use a sluice at least as new as the one that exported it.',
    });
  }
  return value as unknown as Header;
}

function endOf(line: string, taken: number): true {
  const value = parsed(line);
  if (value.end !== true) throw badFile('a line of it is no row');
  if (value.rows !== taken) throw badFile(`it says that it has ${value.rows} rows and has ${taken}`);
  return true;
}

function badFile(why: string): SluiceError {
  return new SluiceError('state/file', 'config', `This is no exported state: ${why}`, {
    hint: 'Nothing was imported. Export it again with `sluice state export`.',
  });
}
