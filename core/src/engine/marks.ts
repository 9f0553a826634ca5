import { ITEM_COLUMN, placeOrder } from '../model/columns.ts';
import type { Engine, TaskLog } from '../model/component.ts';
import { SluiceError } from '../model/error.ts';
import type { OnFailure, Stream } from '../model/job.ts';
import type { Checkpoint, Counts, RunWindow } from '../model/run.ts';
import { ident, literal, literalList } from '../model/sql.ts';
import type { Column, DataType } from '../model/type.ts';
import { countChange, inFlow } from './counts.ts';
import { contractCast } from './final.ts';
import { badRow, type Landed, pathOf } from './land.ts';
import { maskOf, maskSql } from './mask.ts';
import { materialise, type Relation } from './partitions.ts';
import { type LoadedCheck, type LoadedStep, visible, withHidden } from './pipeline.ts';
import { heldColumns } from './settle.ts';
import { BAD, BAD_TEXT, FILE, HIDDEN, RAW, REJECT, ROW, type StreamPlan } from './stream-plan.ts';

export interface ReadyInput {
  stream: Stream;
  plan: StreamPlan;
  steps: readonly LoadedStep[];
  checks: readonly LoadedCheck[];
  landed: Landed;
  /** Names of the landed rows' files by ordinal. */
  files: readonly { ordinal: number; name: string }[];
  checkpoint: Checkpoint | null;
  /** As in a task's input. */
  window?: RunWindow | null;
  /** ISO instant of the run's start. */
  loadedAt: string;
  log: TaskLog;
  /** Whether rows are looked at, in the order of the source, and not written in any. */
  ordered?: boolean;
}

export interface State {
  relation: Relation;
  columns: Column[];
  /** Rows of the relation; null where a row step may have changed it and nobody has counted since. */
  rows: number | null;
}

/** Whether rows have to be written out with their marks before the destination takes them. */
export function needsMarks({ stream, plan, checks }: ReadyInput): boolean {
  return (
    heldColumns(stream).length > 0 ||
    checks.some(({ check }) => !check.byCount) ||
    stream.destination.write_disposition === 'merge' ||
    plan.contract.some((c) => c.action === 'discard_row' || c.action === 'quarantine')
  );
}

interface Mark {
  /** SQL that is true for a row to be marked. */
  failing: string;
  tag: string;
  keys: string[] | null;
}

export async function markRows(engine: Engine, input: ReadyInput, from: State, counts: Counts): Promise<Relation> {
  const before = from.rows;
  const columns: Column[] = [
    ...visible(from.columns),
    { name: FILE, type: { kind: 'int' } },
    { name: ROW, type: { kind: 'bigint' } },
    ...from.columns.filter((column) => column.name === ITEM_COLUMN),
  ];
  const marks = rowMarks(input, columns);
  const plain = marks.filter((m) => m.keys === null);
  const hiddenSql = withHidden(from.relation.sql, from.columns, true);
  let made = await materialise(engine, 'marked', { ...from.relation, sql: hiddenSql }, null, (slice) => {
    const cases = plain.map((m) => `WHEN coalesce(${m.failing}, false) THEN ${literal(m.tag)}`);
    const mark = cases.length > 0 ? `CASE ${cases.join(' ')} END` : 'NULL::VARCHAR';
    return `SELECT *, ${mark} AS ${ident(REJECT)} FROM (${slice})`;
  });
  if (before === null) countChange(counts, inFlow(counts), made.rows, null);
  for (const [index, mark] of marks.entries()) {
    if (mark.keys === null) continue;
    made = await materialise(
      engine,
      `marked-${index}`,
      made,
      mark.keys,
      (slice) =>
        `SELECT * REPLACE (CASE WHEN ${ident(REJECT)} IS NULL AND coalesce(${mark.failing}, false) THEN ${literal(mark.tag)} ELSE ${ident(REJECT)} END AS ${ident(REJECT)}) ` +
        `FROM (${slice})`,
    );
  }
  await judge(engine, input, made.sql, counts);
  await tableChecks(engine, input, made, columns);
  return stepMerge(engine, input, made, placeOrder(columns, 'DESC'), counts);
}

function rowMarks({ stream, plan, checks }: ReadyInput, columns: readonly Column[]): Mark[] {
  const marks: Mark[] = checks
    .filter(
      ({ check, step }) =>
        check.failing !== undefined && step.on_failure !== 'warn' && !check.byCount && !isVerdict(check, step),
    )
    .map(({ check, step, index }) => ({
      failing: check.failing?.(step, columns) ?? 'false',
      tag: `check:${index}`,
      keys: check.partitionKey?.(step) ?? null,
    }));
  for (const { name } of heldColumns(stream))
    marks.unshift({ failing: `${ident(BAD)} = ${literal(name)}`, tag: `derived:${name}`, keys: null });
  for (const entry of plan.contract) {
    if (entry.action !== 'discard_row' && entry.action !== 'quarantine') continue;
    const name = ident(entry.name);
    const failing = entry.unknown ? `${name} IS NOT NULL` : contractCast(entry, stream).bad;
    marks.push({ failing, tag: `contract:${entry.name}`, keys: null });
  }
  const { write_disposition: disposition, primary_key: key } = stream.destination;
  if (disposition === 'merge') {
    marks.push({ failing: key.map((k) => `${ident(k)} IS NULL`).join(' OR '), tag: 'merge:null-key', keys: null });
  }
  return marks;
}

function isVerdict(check: LoadedCheck['check'], step: LoadedCheck['step']): boolean {
  return check.verdict !== undefined && check.scope(step) === 'run';
}

/** Counts the marked rows by their tag, ends the stream where a check says fail, warns where it says warn. */
async function judge(engine: Engine, input: ReadyInput, sql: string, counts: Counts): Promise<void> {
  const rows = await engine.rows(
    `SELECT ${ident(REJECT)} AS tag, count(*) AS n FROM (${sql}) WHERE ${ident(REJECT)} IS NOT NULL GROUP BY ALL`,
  );
  for (const { tag, n } of rows) {
    const policy = policyOf(input, String(tag));
    if (policy === 'fail') throw await failedCheck(engine, input, sql, String(tag), Number(n));
    counts.rows_rejected += Number(n);
    if (policy === 'quarantine') counts.rows_quarantined += Number(n);
    else
      input.log(policy === 'warn' ? 'warn' : 'info', `${n} rows were left out: ${reasonOf(input, String(tag))}`, {
        stream: input.stream.name,
      });
  }
}

function policyOf({ checks, plan, stream }: ReadyInput, tag: string): OnFailure {
  const detail = tag.slice(tag.indexOf(':') + 1);
  if (tag.startsWith('check:')) return checks.find((c) => String(c.index) === detail)?.step.on_failure ?? 'fail';
  if (tag.startsWith('contract:')) {
    return plan.contract.find((c) => c.name === detail)?.action === 'quarantine' ? 'quarantine' : 'discard';
  }
  if (tag.startsWith('derived:')) return stream.on_bad_row;
  return stream.on_bad_row === 'quarantine' ? 'quarantine' : 'warn';
}

function reasonOf({ checks }: ReadyInput, tag: string): string {
  const detail = tag.slice(tag.indexOf(':') + 1);
  if (tag.startsWith('check:')) {
    const found = checks.find((c) => String(c.index) === detail);
    return found ? found.check.describe(found.step) : tag;
  }
  if (tag.startsWith('contract:')) return `column ${detail} does not fit the table (schema_contract)`;
  if (tag.startsWith('derived:')) return `column ${detail} does not hold a value of its declared type`;
  return 'a key column is null, which a merge cannot match';
}

async function failedCheck(
  engine: Engine,
  input: ReadyInput,
  sql: string,
  tag: string,
  n: number,
): Promise<SluiceError> {
  const [row] = await engine.rows(
    `SELECT ${pathOf(input.files)} AS path, ${ident(ROW)} AS row FROM (${sql}) WHERE ${ident(REJECT)} = ${literal(tag)} ORDER BY ${ident(FILE)}, ${ident(ROW)} LIMIT 1`,
  );
  const found = input.checks.find((c) => `check:${c.index}` === tag);
  if (tag.startsWith('derived:')) {
    return badRow(
      input.stream,
      `type/value:${tag.slice('derived:'.length)}`,
      String(row?.path ?? ''),
      Number(row?.row ?? 0),
    );
  }
  return checkError(input.stream, found, n, row?.path == null ? null : String(row.path), Number(row?.row ?? 0));
}

/** The error of a check whose on_failure is fail, with the first failing row. */
export function checkError(
  stream: Stream,
  found: LoadedCheck | undefined,
  n: number,
  path: string | null,
  row: number,
): SluiceError {
  const place = path === null ? '' : `; the first is row ${row} of ${path}`;
  const column = found?.step.column;
  return new SluiceError(
    `check/${found?.step.type ?? 'failed'}`,
    'data',
    `${found ? found.check.describe(found.step) : 'A check failed'}: ${n} rows fail${place}`,
    {
      where: { stream: stream.name, ...(path === null ? {} : { path, row }), ...(column ? { column } : {}) },
      hint: 'Nothing was committed. Correct the data, or set `on_failure` to warn, discard or quarantine.',
    },
  );
}

async function tableChecks(
  engine: Engine,
  input: ReadyInput,
  made: Relation,
  columns: readonly Column[],
): Promise<void> {
  const passed = `SELECT * EXCLUDE (${ident(REJECT)}) FROM (${made.sql}) WHERE ${ident(REJECT)} IS NULL`;
  for (const loaded of input.checks) {
    const { step, check } = loaded;
    if (check.byCount) continue;
    if (isVerdict(check, step)) {
      const [row] = await engine.rows(`WITH "input" AS (${passed}) ${check.verdict?.(step, columns, input.loadedAt)}`);
      if (row?.failed === true) report(input, loaded, String(row.detail ?? ''));
    } else if (step.on_failure === 'warn' && check.failing) {
      const keys = check.partitionKey?.(step) ?? null;
      const found = await materialise(
        engine,
        `warned-${loaded.index}`,
        { ...made, sql: passed },
        keys,
        (slice) =>
          `SELECT 1 AS failed FROM (SELECT coalesce(${check.failing?.(step, columns)}, false) AS failing FROM (${slice})) WHERE failing`,
      );
      if (found.rows > 0) report(input, loaded, `${found.rows} rows fail`);
    }
  }
}

function report(input: ReadyInput, { step, check }: LoadedCheck, detail: string): void {
  if (step.on_failure === 'warn') {
    input.log('warn', `${check.describe(step)}: ${detail}`, { stream: input.stream.name, check: step.type });
    return;
  }
  throw new SluiceError(`check/${step.type}`, 'data', `${check.describe(step)}: ${detail}`, {
    where: { stream: input.stream.name, ...(step.column ? { column: step.column } : {}) },
    hint: 'Nothing was committed. Correct the data, or set `on_failure: warn`.',
  });
}

/** Of several rows of one key the greatest cursor wins, then the later file, then the later row. */
async function stepMerge(
  engine: Engine,
  input: ReadyInput,
  made: Relation & { rows?: number },
  place: readonly string[],
  counts: Counts,
): Promise<Relation> {
  const { stream, plan } = input;
  if (stream.destination.write_disposition !== 'merge') return made;
  const key = stream.destination.primary_key;
  const cursor =
    plan.cursor !== null && plan.output.some((c) => c.name === plan.cursor)
      ? [`${ident(plan.cursor)} DESC NULLS LAST`]
      : [];
  const order = [...cursor, ...place].join(', ');
  const partition = key.map((k) => ident(k)).join(', ');
  const merged = await materialise(
    engine,
    'merged',
    made,
    key,
    (slice) =>
      `SELECT * FROM (${slice}) QUALIFY ${ident(REJECT)} IS NOT NULL OR row_number() OVER (PARTITION BY ${ident(REJECT)} IS NULL, ${partition} ORDER BY ${order}) = 1`,
  );
  const [row] = await engine.rows(`SELECT count(*) FILTER (WHERE ${ident(REJECT)} IS NULL) AS n FROM (${merged.sql})`);
  counts.rows_filtered += inFlow(counts) - Number(row?.n ?? 0);
  return merged;
}

/** Rows set aside by the format, by types and by checks, as `_sluice_quarantine` takes them; null where there are none. */
export function quarantineSql(input: ReadyInput, markedSql: string | null): string | null {
  const { stream, landed, checks, plan } = input;
  const parts: string[] = [];
  const reject = ident(REJECT);
  if (stream.on_bad_row === 'quarantine') {
    if (landed.rejects.length > 0) parts.push(`SELECT * FROM read_parquet(${literalList(landed.rejects)})`);
    if (landed.rows_marked > 0) {
      parts.push(
        `SELECT split_part(${reject}, ':', 1) AS code, 'column ' || substr(${reject}, strpos(${reject}, ':') + 1) || ' does not hold a value of its declared type' AS reason, ` +
          `${pathOf(input.files)} AS path, ${ident(ROW)} AS row_number, NULL::BIGINT AS byte_offset, ${ident(RAW)} AS "row" ` +
          `FROM read_parquet(${literalList(landed.parts)}) WHERE ${reject} IS NOT NULL`,
      );
    }
  }
  if (markedSql !== null) {
    const tags: { tag: string; code: string; bad?: string }[] = [
      ...checks
        .filter((c) => c.step.on_failure === 'quarantine')
        .map((c) => ({ tag: `check:${c.index}`, code: `check/${c.step.type}` })),
      ...plan.contract
        .filter((c) => c.action === 'quarantine')
        .map((c) => ({ tag: `contract:${c.name}`, code: 'schema/contract' })),
      ...(stream.on_bad_row === 'quarantine'
        ? heldColumns(stream).map((c) => ({ tag: `derived:${c.name}`, code: 'derived/value', bad: c.name }))
        : []),
      ...(stream.on_bad_row === 'quarantine' ? [{ tag: 'merge:null-key', code: 'merge/null-key' }] : []),
    ];
    const row = (bad: string | undefined) =>
      plan.output
        .filter((c) => !HIDDEN.has(c.name))
        .map((c) => {
          const own: [string, DataType] =
            c.name === bad ? [ident(BAD_TEXT), { kind: 'text' }] : [ident(c.name), c.type];
          return `${ident(c.name)} := ${maskSql(...own, maskOf(stream, c.name))}`;
        })
        .join(', ');
    for (const { tag, code, bad } of tags) {
      parts.push(
        `SELECT ${literal(code)} AS code, ${literal(reasonOf(input, tag))} AS reason, ${pathOf(input.files)} AS path, ` +
          `${ident(ROW)} AS row_number, NULL::BIGINT AS byte_offset, to_json(struct_pack(${row(bad)}))::VARCHAR AS "row" FROM (${markedSql}) WHERE ${reject} = ${literal(tag)}`,
      );
    }
  }
  return parts.length > 0 ? parts.join(' UNION ALL ') : null;
}
