import type { Engine } from '../model/component.ts';
import { ident } from '../model/sql.ts';
import type { Column } from '../model/type.ts';

/** What the rows of a preview hold in one column, masks laid on. */
export interface ColumnProfile {
  column: string;
  rows: number;
  nulls: number;
  distinct: number;
  /** As texts, so that no digit is lost; null: no value, or of a type without an order. */
  min: string | null;
  max: string | null;
  /** Numbers and times: equal parts between the least and the greatest value. Others: the most common values. */
  histogram: Bin[];
}

export interface Bin {
  from: string;
  /** null: a value of its own. */
  to: string | null;
  rows: number;
}

const BINS = 10;
const COMMON = 5;
const TABLE = '_sluice_profile';

const NUMBERS: ReadonlySet<string> = new Set(['int', 'bigint', 'double', 'decimal']);
const TIMES: ReadonlySet<string> = new Set(['date', 'timestamp', 'timestamptz']);
const NESTED: ReadonlySet<string> = new Set(['list', 'struct', 'json']);

/** Counts, bounds and distribution of each column of a query's rows. */
export async function profileRows(engine: Engine, sql: string, columns: readonly Column[]): Promise<ColumnProfile[]> {
  await engine.run(`CREATE TEMP TABLE ${ident(TABLE)} AS ${sql}`);
  const profiles: ColumnProfile[] = [];
  for (const column of columns) profiles.push(await profileColumn(engine, column));
  await engine.run(`DROP TABLE ${ident(TABLE)}`);
  return profiles;
}

async function profileColumn(engine: Engine, column: Column): Promise<ColumnProfile> {
  const { kind } = column.type;
  const name = ident(column.name);
  const value = NESTED.has(kind) ? `${name}::VARCHAR` : name;
  const bounds = NESTED.has(kind) ? 'NULL' : `min(${name})::VARCHAR`;
  const top = NESTED.has(kind) ? 'NULL' : `max(${name})::VARCHAR`;
  const [found] = await engine.rows(
    `SELECT count(*) AS n, count(*) - count(${name}) AS nulls, count(DISTINCT ${value}) AS d, ${bounds} AS low, ${top} AS high
     FROM ${ident(TABLE)}`,
  );
  const text = (item: unknown) => (item === null || item === undefined ? null : String(item));
  return {
    column: column.name,
    rows: Number(found?.n ?? 0),
    nulls: Number(found?.nulls ?? 0),
    distinct: Number(found?.d ?? 0),
    min: text(found?.low),
    max: text(found?.high),
    histogram: await histogram(engine, kind, name, value, Number(found?.d ?? 0)),
  };
}

async function histogram(engine: Engine, kind: string, name: string, value: string, distinct: number): Promise<Bin[]> {
  if (distinct === 0) return [];
  if (distinct <= COMMON || (!NUMBERS.has(kind) && !TIMES.has(kind))) {
    const rows = await engine.rows(
      `SELECT ${value}::VARCHAR AS v, count(*) AS n FROM ${ident(TABLE)} WHERE ${name} IS NOT NULL
       GROUP BY ${value} ORDER BY n DESC, v LIMIT ${COMMON}`,
    );
    return rows.map((row) => ({ from: String(row.v), to: null, rows: Number(row.n) }));
  }
  const number = TIMES.has(kind) ? `epoch(${name})` : `${name}::DOUBLE`;
  const back = (sql: string) =>
    TIMES.has(kind) ? `make_timestamp((${sql} * 1000000)::BIGINT)::VARCHAR` : `(${sql})::VARCHAR`;
  const rows = await engine.rows(
    `WITH v AS (SELECT ${number} AS x FROM ${ident(TABLE)} WHERE ${name} IS NOT NULL AND isfinite(${number})),
       b AS (SELECT min(x) AS low, (max(x) - min(x)) / ${BINS} AS step FROM v),
       c AS (SELECT least(${BINS - 1}, floor((x - low) / step))::INT AS bin, count(*) AS n FROM v, b WHERE step > 0 GROUP BY bin)
     SELECT ${back('low + step * r')} AS f, ${back('low + step * (r + 1)')} AS t, coalesce(n, 0) AS n
     FROM b, range(${BINS}) AS bins(r) LEFT JOIN c ON c.bin = r WHERE step > 0 ORDER BY r`,
  );
  return rows.map((row) => ({ from: String(row.f), to: String(row.t), rows: Number(row.n) }));
}
