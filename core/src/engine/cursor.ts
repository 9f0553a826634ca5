import type { Engine } from '../model/component.ts';
import { toDuckType } from '../model/duck.ts';
import { SluiceError } from '../model/error.ts';
import type { Incremental, WriteDisposition } from '../model/job.ts';
import type { Checkpoint } from '../model/run.ts';
import { ident, literal, literalList } from '../model/sql.ts';
import type { Column, DataType } from '../model/type.ts';

/** Where a cursor stands: its greatest value as exact text, and which rows hold it, so that none is read twice or missed. */
export interface CursorState {
  value: string;
  /** Fingerprints of the rows at or above the value less lookback; null: too many to keep. */
  ties: string[] | null;
}

/** Keeps a checkpoint well below its 64 KB. */
const MAX_TIES = 2500;

export function cursorState(checkpoint: Checkpoint | null): CursorState | null {
  const cursor = checkpoint?.cursor as { value?: unknown; ties?: unknown } | undefined;
  if (typeof cursor?.value !== 'string') return null;
  return { value: cursor.value, ties: Array.isArray(cursor.ties) ? cursor.ties.map(String) : null };
}

type CursorRule = Extract<Incremental, { type: 'cursor' }>;

export interface CursorInput {
  rule: CursorRule;
  column: Column;
  /** Columns that tell one row of the source from another. */
  columns: readonly Column[];
  state: CursorState | null;
  disposition: WriteDisposition;
}

/** Rows that are new since the state. Rows without a cursor value come with the first load, and always in a merge. */
export function cursorFilter(input: CursorInput): string {
  const { rule, column, state } = input;
  const name = ident(column.name);
  const withoutValue = state === null || input.disposition === 'merge' ? `${name} IS NULL` : 'false';
  const from = state?.value ?? rule.initial_value;
  if (from === null) return 'true';
  const bound = `CAST(${literal(from)} AS ${toDuckType(column.type)})`;
  const low = state === null ? bound : lookback(bound, column.type, rule.lookback_ms);
  const seen =
    state?.ties && state.ties.length > 0 ? ` AND NOT (${fingerprint(input.columns)} IN ${inList(state.ties)})` : '';
  return `(coalesce(${name} >= ${low}, false)${seen} OR ${withoutValue})`;
}

/**
 * The state after the rows of `sql`, which are all that the source handed out, seen before or not: the greatest value and
 * the rows that a next `>=` would see again.
 */
export async function nextCursor(engine: Engine, sql: string, input: CursorInput): Promise<CursorState | null> {
  const { column, rule, state } = input;
  const name = ident(column.name);
  const [row] = await engine.rows(
    `SELECT ${exactText(greatest(name, column.type), column.type)} AS value FROM (${sql})`,
  );
  const found = row?.value == null ? null : String(row.value);
  const value = await greater(engine, found, state?.value ?? null, column.type);
  if (value === null) return null;
  const low = lookback(`CAST(${literal(value)} AS ${toDuckType(column.type)})`, column.type, rule.lookback_ms);
  const rows = await engine.rows(
    `SELECT DISTINCT ${fingerprint(input.columns)} AS tie FROM (${sql}) WHERE ${name} >= ${low} LIMIT ${MAX_TIES + 1}`,
  );
  const kept = value === state?.value && rule.lookback_ms === 0 ? (state.ties ?? []) : [];
  // In an order of their own, so that the same rows are the same checkpoint.
  const ties = [...new Set([...kept, ...rows.map((r) => String(r.tie))])].sort();
  if (ties.length <= MAX_TIES) return { value, ties };
  if (input.disposition === 'merge') return { value, ties: null };
  throw new SluiceError(
    'cursor/too-many-ties',
    'config',
    `More than ${MAX_TIES} rows lie at the end of cursor ${rule.column}, so that the next run could not tell them from new ones`,
    {
      hint: 'Use a finer cursor, a shorter `lookback`, or `write_disposition: merge` with a key.',
      where: { column: rule.column },
    },
  );
}

/** The greatest value. What is infinite or no number counts only where nothing else is: no later value would pass it. */
function greatest(name: string, { kind }: DataType): string {
  if (kind !== 'date' && kind !== 'timestamp' && kind !== 'timestamptz' && kind !== 'double') return `max(${name})`;
  return `coalesce(max(${name}) FILTER (isfinite(${name})), max(${name}))`;
}

async function greater(engine: Engine, a: string | null, b: string | null, type: DataType): Promise<string | null> {
  if (a === null || b === null) return a ?? b;
  const duck = toDuckType(type);
  const [row] = await engine.rows(`SELECT CAST(${literal(a)} AS ${duck}) >= CAST(${literal(b)} AS ${duck}) AS first`);
  return row?.first === true ? a : b;
}

/** A value as text that reads back exactly: microseconds are kept, zones are UTC. */
export function exactText(expression: string, type: DataType): string {
  switch (type.kind) {
    case 'timestamptz':
      return finite(expression, `strftime(${expression} AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%f') || 'Z'`);
    case 'timestamp':
      return finite(expression, `strftime(${expression}, '%Y-%m-%dT%H:%M:%S.%f')`);
    default:
      return `CAST(${expression} AS VARCHAR)`;
  }
}

function finite(expression: string, text: string): string {
  return `CASE WHEN isfinite(${expression}) THEN ${text} ELSE CAST(${expression} AS VARCHAR) END`;
}

export function lookback(bound: string, type: DataType, ms: number): string {
  if (ms <= 0) return bound;
  if (type.kind === 'date') return `(${bound} - INTERVAL ${Math.ceil(ms / 86_400_000)} DAY)`;
  if (type.kind === 'timestamp' || type.kind === 'timestamptz') return `(${bound} - INTERVAL ${ms} MILLISECOND)`;
  throw new SluiceError(
    'cursor/lookback',
    'config',
    'A lookback is a duration and needs a cursor of a date or time type',
    {
      hint: 'Leave `lookback` out, or use a timestamp column as the cursor.',
    },
  );
}

function fingerprint(columns: readonly Column[]): string {
  const fields = columns.map((c) => `${ident(c.name)} := ${ident(c.name)}`).join(', ');
  return `left(md5(to_json(struct_pack(${fields}))::VARCHAR), 20)`;
}

function inList(ties: readonly string[]): string {
  return `(SELECT unnest(${literalList(ties)}))`;
}
