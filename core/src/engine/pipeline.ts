import type { Check, Engine, LocalFile, Transform } from '../model/component.ts';
import { castText, toDuckType } from '../model/duck.ts';
import type { CheckStep, Step } from '../model/job.ts';
import { ident, literal } from '../model/sql.ts';
import type { Column, DataType } from '../model/type.ts';
import { maskSql, type sourceMasks } from './mask.ts';
import { FILE, HIDDEN, type PlannedColumn, RAW, REJECT, ROW, type StreamPlan } from './stream-plan.ts';
import { type GuardedCast, guardedCast } from './typing/cast.ts';

/** Prefixes of the errors that our own SQL raises; `failures.ts` turns them into what the user reads. */
export const WIDEN = 'sluice-widen:';
export const BAD_VALUE = 'sluice-bad:';
export const NULL_VALUE = 'sluice-null:';
/** Raised with the column's name. */
export const NOT_KEPT = 'sluice-kept:';
export const FAILED_CHECK = 'sluice-check:';

export interface RunFacts {
  runId: string;
  /** ISO instant of the run's start, for `metadata: loaded_at`. */
  loadedAt: string;
  /** ISO instant at which the run's window begins, for `metadata: window_start`; null where it has none. */
  windowStart: string | null;
}

/** SQL of a column's guarded value and of the test that says a value broke its type. */
export function guard(column: PlannedColumn): GuardedCast {
  const { type, format, decimal, thousands, scale } = column;
  const rule = { type, format, decimal, thousands, scale, inferred: !column.declared };
  return guardedCast(ident(column.from ?? ''), column.raw, rule);
}

/** A scan's rows with their place under the hidden names that travel on. */
export function placed(scanSql: string, rowNumbers: boolean): string {
  const names = [`"_file" AS ${ident(FILE)}`, ...(rowNumbers ? [`"_row" AS ${ident(ROW)}`] : [])];
  return `SELECT * RENAME (${names.join(', ')}) FROM (${scanSql})`;
}

/**
 * The scan's rows under the job's names and types. `mark` keeps bad rows and says in `_sluice_reject` why (for landing);
 * otherwise the first bad value ends the query.
 */
export function typedSql(
  scanSql: string,
  plan: StreamPlan,
  files: readonly LocalFile[],
  facts: RunFacts,
  options: { mark: boolean; hidden: boolean; rowNumbers: boolean; masks: ReturnType<typeof sourceMasks> },
): string {
  const quick = plan.columns.map(quickCast);
  const items = plan.columns.map((column, index) => {
    const sql =
      column.from === null
        ? metadataSql(column, files, facts)
        : valueSql(column, index, options.mark, quick[index] ?? null);
    return `${sql} AS ${ident(column.name)}`;
  });
  if (options.hidden) {
    items.push(`${ident(FILE)}`, `${options.rowNumbers ? rowSql(files) : 'NULL::BIGINT'} AS ${ident(ROW)}`);
  }
  if (options.mark) {
    const reject = rejectSql(plan, quick);
    items.push(
      `${reject} AS ${ident(REJECT)}`,
      `CASE WHEN ${reject} IS NOT NULL THEN ${rawRowSql(plan, options.masks)} END AS ${ident(RAW)}`,
    );
  }
  return `SELECT ${items.join(', ')} FROM (${withCasts(placed(scanSql, options.rowNumbers), quick)})`;
}

/** The plain cast of a column of text, made once for the row, and the test that it kept the text as it is written. */
interface QuickCast {
  cast: string;
  name: string;
  kept: string;
}

const FOUR_DIGIT_YEARS: Partial<Record<DataType['kind'], [string, string]>> = {
  date: ["DATE '0001-01-01'", "DATE '10000-01-01'"],
  timestamp: ["TIMESTAMP '0001-01-01'", "TIMESTAMP '10000-01-01'"],
};
const QUICK_KINDS: ReadonlySet<DataType['kind']> = new Set([
  'boolean',
  'int',
  'bigint',
  'decimal',
  'double',
  'date',
  'timestamp',
]);

/**
 * Most values are written as the engine writes them itself: cast, print, compare is several times cheaper than the whole guard,
 * which is then left for the others.
 */
function quickCast(column: PlannedColumn, index: number): QuickCast | null {
  const { from, raw, type, format, decimal, thousands, scale } = column;
  const plain = format === null && decimal === null && thousands === null && scale === null;
  if (from === null || (raw !== null && raw.kind !== 'text') || !plain || !QUICK_KINDS.has(type.kind)) return null;
  const name = ident(`_sluice_cast_${index}`);
  const [low, high] = FOUR_DIGIT_YEARS[type.kind] ?? [];
  const inRange = low === undefined ? '' : ` AND ${name} >= ${low} AND ${name} < ${high}`;
  return {
    cast: castText(ident(from), type),
    name,
    kept: `${name}::VARCHAR = ${ident(from)}${inRange}`,
  };
}

function withCasts(sql: string, quick: readonly (QuickCast | null)[]): string {
  const casts = quick.flatMap((q) => (q ? [`${q.cast} AS ${q.name}`] : []));
  return casts.length > 0 ? `SELECT *, ${casts.join(', ')} FROM (${sql})` : sql;
}

function valueSql(column: PlannedColumn, index: number, mark: boolean, quick: QuickCast | null): string {
  const cast = guard(column);
  const onBad = column.declared ? BAD_VALUE : WIDEN;
  const guarded = column.declared && mark ? cast.value : cast.checked(`error('${onBad}${index}')`);
  const value = quick ? `CASE WHEN ${quick.kept} THEN ${quick.name} ELSE ${guarded} END` : guarded;
  if (column.nullable || mark) return value;
  return `CASE WHEN ${ident(column.from ?? '')} IS NULL THEN error('${NULL_VALUE}${index}') ELSE ${value} END`;
}

function rejectSql(plan: StreamPlan, quick: readonly (QuickCast | null)[]): string {
  const tests = plan.columns.flatMap((column, index) => {
    if (column.from === null) return [];
    const { bad } = guard(column);
    const passes = quick[index] ? `WHEN ${quick[index].kept} THEN NULL ` : '';
    const found = [];
    if (column.declared && bad !== 'false') {
      found.push(`CASE ${passes}WHEN ${bad} THEN ${literal(`type/value:${column.name}`)} END`);
    }
    if (!column.nullable) {
      found.push(`CASE WHEN ${ident(column.from)} IS NULL THEN ${literal(`type/null:${column.name}`)} END`);
    }
    return found;
  });
  return tests.length > 0 ? `coalesce(${tests.join(', ')})` : 'NULL::VARCHAR';
}

function rawRowSql(plan: StreamPlan, masks: ReturnType<typeof sourceMasks>): string {
  if (masks.withhold) return 'NULL::VARCHAR';
  const names = plan.sniffed.columns.map(({ name, type }) => {
    // JSON inside JSON is read again, and its numbers through double: as a text it stays as it is written.
    const plain = `${ident(name)}${type?.kind === 'json' ? '::VARCHAR' : ''}`;
    const kind: DataType = type === null || type.kind === 'json' ? { kind: 'text' } : type;
    return `${ident(name)} := ${maskSql(plain, kind, masks.of.get(name) ?? null)}`;
  });
  return names.length > 0 ? `to_json(struct_pack(${names.join(', ')}))::VARCHAR` : `'{}'`;
}

function metadataSql(column: PlannedColumn, files: readonly LocalFile[], facts: RunFacts): string {
  const type = toDuckType(column.type);
  switch (column.metadata) {
    case 'path':
      return `${fileMap(files, (f) => literal(f.name))}::${type}`;
    case 'modified_at':
      return `${fileMap(files, (f) => (f.modified_at === null ? 'NULL' : `${literal(f.modified_at)}::TIMESTAMPTZ`))}::${type}`;
    case 'row_number':
      return `${rowSql(files)}::${type}`;
    case 'loaded_at':
      return `${literal(facts.loadedAt)}::TIMESTAMPTZ::${type}`;
    case 'run_id':
      return `${literal(facts.runId)}::${type}`;
    case 'window_start':
      return facts.windowStart === null ? `NULL::${type}` : `${literal(facts.windowStart)}::TIMESTAMPTZ::${type}`;
    default:
      return `NULL::${type}`;
  }
}

/** A row's number in its file, or the one that it had in its source. */
function rowSql(files: readonly LocalFile[]): string {
  if (files.every(({ row }) => row === undefined)) return ident(ROW);
  return `${fileMap(files, ({ row }) => String(row ?? 'NULL'))}::BIGINT`;
}

/** A value per file, by the ordinal that every row carries: a list, because a map is searched row by row. */
export function fileMap(files: readonly LocalFile[], value: (file: LocalFile) => string): string {
  if (files.length === 0) return 'NULL';
  const byOrdinal = new Map(files.map((f) => [f.ordinal, f]));
  const first = Math.min(...byOrdinal.keys());
  const last = Math.max(...byOrdinal.keys());
  const values: string[] = [];
  for (let i = first; i <= last; i++) {
    const file = byOrdinal.get(i);
    values.push(file ? value(file) : 'NULL');
  }
  return `list_extract([${values.join(', ')}], ${ident(FILE)} - ${first} + 1)`;
}

/** An empty relation with the given columns, to bind SQL against before any row is read. */
export function emptySql(columns: readonly Column[]): string {
  const items = columns.map((c) => `NULL::${toDuckType(c.type)} AS ${ident(c.name)}`);
  return `SELECT ${items.join(', ')} WHERE false`;
}

/** Puts one step over a relation. Steps that keep no hidden columns get new ones. */
export function stepSql(inputSql: string, transform: Transform, step: Step, input: readonly Column[]): string {
  return `SELECT * FROM (WITH "input" AS NOT MATERIALIZED (${inputSql}) ${transform.sql(step.settings, input)})`;
}

export interface LoadedStep {
  step: Step;
  transform: Transform;
}

export interface LoadedCheck {
  step: CheckStep;
  check: Check;
  index: number;
}

/** Puts row steps over a relation one after the other and says which columns come out, hidden ones included. */
export async function stepsSql(
  engine: Engine,
  inputSql: string,
  columns: readonly Column[],
  steps: readonly LoadedStep[],
): Promise<{ sql: string; columns: Column[] }> {
  let sql = inputSql;
  let current = [...columns];
  for (const { step, transform } of steps) {
    sql = stepSql(sql, transform, step, current);
    current = await engine.describe(stepSql(emptySql(current), transform, step, current));
  }
  return { sql, columns: current };
}

export function visible(columns: readonly Column[]): Column[] {
  return columns.filter((c) => !HIDDEN.has(c.name));
}

/** Hidden columns with what a step may have dropped put back. */
export function withHidden(sql: string, columns: readonly Column[], rowNumbers: boolean): string {
  const has = (name: string) => columns.some((c) => c.name === name);
  const extra: string[] = [];
  if (!has(FILE)) extra.push(`0::INTEGER AS ${ident(FILE)}`);
  if (!has(ROW)) extra.push(rowNumbers ? `row_number() OVER () AS ${ident(ROW)}` : `NULL::BIGINT AS ${ident(ROW)}`);
  return extra.length > 0 ? `SELECT *, ${extra.join(', ')} FROM (${sql})` : sql;
}
