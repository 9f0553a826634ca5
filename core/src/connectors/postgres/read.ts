import type pg from 'pg';
import type { RowRange, SourceTable } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import { ident, literal } from '../../model/sql.ts';
import { requireDistinct } from '../shared/columns.ts';
import { bracketed, tableOrQuery, tableParts } from '../shared/table-name.ts';
import type { PgDb } from './client.ts';
import { isServerError } from './errors.ts';
import { type ReadColumn, readColumn } from './source-types.ts';

export interface ReadSettings {
  table?: string;
  query?: string;
  where?: string;
  partition_on?: string;
}

/** Where the rows come from, for FROM: a quoted table, or the query in brackets. */
export function fromSql(settings: ReadSettings): string {
  const what = tableOrQuery(settings);
  return 'table' in what ? ident(...pgTable(what.table)) : bracketed(what.query);
}

/** Schema and name of a table. */
export function pgTable(text: string): [string, string] {
  const parts = tableParts(text, 2);
  return parts.length === 1 ? ['public', parts[0] ?? ''] : [parts[0] ?? '', parts[1] ?? ''];
}

/** The conditions of a read, in brackets each. */
export function conditions(
  settings: ReadSettings,
  range: RowRange | null,
  types: ReadonlyMap<string, string>,
): string[] {
  const all = settings.where === undefined ? [] : [bracketed(settings.where)];
  if (range) {
    const name = ident(range.column);
    const at = (value: string) => `CAST(${literal(value)} AS ${types.get(range.column) ?? 'text'})`;
    const bounds = [
      ...(range.from === null ? [] : [`${name} >= ${at(range.from)}`]),
      ...(range.to === null ? [] : [`${name} < ${at(range.to)}`]),
    ];
    all.push(range.nulls ? `((${bounds.join(' AND ')}) OR ${name} IS NULL)` : bounds.join(' AND '));
  }
  return all;
}

export interface Described {
  table: SourceTable;
  columns: ReadColumn[];
  /** The server's names of the columns' types. */
  types: Map<string, string>;
}

/** The columns of what the settings name, by a statement that reads no row. Throws `source/*` errors. */
export async function describeTable(db: PgDb, settings: ReadSettings): Promise<Described> {
  const where = conditions(settings, null, new Map());
  const text = `SELECT * FROM ${fromSql(settings)} AS t${where.length > 0 ? ` WHERE ${where.join(' AND ')}` : ''} LIMIT 0`;
  // The extended protocol takes one statement alone, whatever brackets the settings close.
  const statement: pg.QueryConfig & { queryMode: 'extended' } = { text, values: [], queryMode: 'extended' };
  const { fields } = await db.client.query(statement);
  if (fields.length === 0) {
    throw new SluiceError('source/no-columns', 'config', 'The table has no columns', {
      hint: 'Check `table`, and that the user may read its columns.',
    });
  }
  const list = fields
    .map((f, i) => `(${i}, ${f.dataTypeID}, ${f.dataTypeModifier}, ${f.tableID}, ${f.columnID})`)
    .join(', ');
  const types = await db.rows(
    `SELECT format_type(f.type, f.mod) AS type, t.typtype AS kind, t.typcategory AS category,
       t.typnamespace = 'pg_catalog'::regnamespace AS builtin, scale('0'::money::numeric) AS cents,
       (SELECT a.attndims FROM pg_attribute a WHERE a.attrelid = f.rel::oid AND a.attnum = f.att AND f.att > 0) AS dimensions
     FROM (VALUES ${list}) AS f(n, type, mod, rel, att) JOIN pg_type t ON t.oid = f.type::oid ORDER BY f.n`,
  );
  const columns = fields.map((field, i) => {
    const found = types[i];
    const column = {
      name: field.name,
      type: String(found?.type),
      kind: String(found?.kind),
      category: String(found?.category),
      builtin: found?.builtin === 't',
      dimensions: Number(found?.dimensions ?? 0),
    };
    return readColumn(column, Number(found?.cents ?? 2));
  });
  requireDistinct(columns);
  const what = tableOrQuery(settings);
  const primary_key = 'table' in what ? await primaryKey(db, what.table) : [];
  const names = new Map(fields.map((field, i) => [field.name, String(types[i]?.type)]));
  return { table: { columns: columns.map(plain), primary_key }, columns, types: names };
}

function plain({ name, type, guess, native }: ReadColumn): SourceTable['columns'][number] {
  return { name, type, ...(guess ? { guess } : {}), ...(native === undefined ? {} : { native }) };
}

/** The columns of a table's primary key, in order. */
export async function primaryKey(db: PgDb, table: string): Promise<string[]> {
  const [schema, name] = pgTable(table);
  const rows = await db.rows(
    `SELECT a.attname AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
       JOIN pg_namespace n ON n.oid = c.relnamespace
       CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY AS k(attnum, place)
       JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
     WHERE i.indisprimary AND n.nspname = ${literal(schema)} AND c.relname = ${literal(name)} ORDER BY k.place`,
  );
  return rows.map((row) => String(row.name));
}

/** How many rows have no value in a column; a table whose column takes none is not read for it. */
export async function countNulls(db: PgDb, settings: ReadSettings, column: string): Promise<number> {
  const what = tableOrQuery(settings);
  if ('table' in what) {
    const [schema, name] = pgTable(what.table);
    const [found] = await db.rows(
      `SELECT a.attnotnull FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = ${literal(schema)} AND c.relname = ${literal(name)} AND a.attname = ${literal(column)}`,
    );
    if (found?.attnotnull === 't') return 0;
  }
  const where = [...conditions(settings, null, new Map()), `${ident(column)} IS NULL`].join(' AND ');
  const [row] = await db.rows(`SELECT count(*) AS n FROM ${fromSql(settings)} AS t WHERE ${where}`);
  return Number(row?.n ?? 0);
}

interface Meaning {
  code: string;
  kind: 'config' | 'transient' | 'data';
  hint: string;
}

const MEANINGS: [RegExp, Meaning][] = [
  [
    /^(42P01|3F000)$/,
    {
      code: 'source/no-table',
      kind: 'config',
      hint: 'Check `table` and its schema; `sluice discover` lists what is there.',
    },
  ],
  [
    /^42501$/,
    {
      code: 'source/no-rights',
      kind: 'config',
      hint: 'Grant the user of the connection SELECT on it, or read by a `query` the columns that it may see.',
    },
  ],
  [/^(42|0A)/, { code: 'source/query', kind: 'config', hint: 'Check `query`, `where` and `partition_on`.' }],
  [/^25006$/, { code: 'source/query', kind: 'config', hint: 'A source only reads: the query may not write.' }],
  [
    /^22023$/,
    { code: 'source/changed', kind: 'transient', hint: 'The session that held the snapshot is gone; run again.' },
  ],
  [
    /^(22021|22P05)$/,
    {
      code: 'source/value',
      kind: 'data',
      hint: "A text is not in the encoding that the database says; mend it, or read its bytes in a `query`: `convert_to(name, 'SQL_ASCII')`.",
    },
  ],
  [/^2[12]/, { code: 'source/value', kind: 'data', hint: 'The query fails on a value; mend it or the value.' }],
  [/^40/, { code: 'source/conflict', kind: 'transient', hint: 'A standby had to end the query; the run is repeated.' }],
];

/** Gives an error of a statement that reads its kind; null where `queryError` knows more. */
export function readError(error: unknown): SluiceError | null {
  const cause = error instanceof SluiceError ? error.cause : error;
  if (!isServerError(cause)) return null;
  const meaning = MEANINGS.find(([pattern]) => pattern.test(cause.code))?.[1];
  if (!meaning) return null;
  const message = `Postgres: ${cause.message} (${cause.code})`;
  return new SluiceError(meaning.code, meaning.kind, message, { hint: meaning.hint });
}
