import type { Engine, ReadyRows } from '../model/component.ts';
import { type Counts, zeroCounts } from '../model/run.ts';
import { ident } from '../model/sql.ts';
import { countChange } from './counts.ts';
import { type CursorInput, type CursorState, cursorFilter, cursorState, nextCursor } from './cursor.ts';
import { finalColumns, finalSql } from './final.ts';
import { goodRows } from './land.ts';
import { markRows, needsMarks, quarantineSql, type ReadyInput, type State } from './marks.ts';
import { materialise } from './partitions.ts';
import { type LoadedStep, stepSql, stepsSql, visible, withHidden } from './pipeline.ts';
import { requireCursorValue } from './range.ts';
import { between, windowFilter } from './window.ts';

export interface Ready {
  rows: ReadyRows;
  /** Complete but for what the destination tells: `rows_written`, and with `open` the rows filtered by row steps. */
  counts: Counts;
  /** The number of rows to be written is known only after writing. */
  open: boolean;
  cursor: CursorState | null;
}

/** Takes landed rows through cursor, transforms, checks, merge and contract to what the destination writes. */
export async function makeReady(engine: Engine, input: ReadyInput): Promise<Ready> {
  const { stream, plan, landed, ordered = false } = input;
  const counts: Counts = {
    ...zeroCounts(),
    rows_read: landed.rows_read,
    bytes_read: landed.bytes_read,
    rows_filtered: landed.rows_skipped,
    rows_rejected: landed.rows_marked + landed.rows_unsplit,
    rows_quarantined: stream.on_bad_row === 'quarantine' ? landed.rows_marked + landed.rows_unsplit : 0,
  };
  if (counts.rows_rejected > 0 && stream.on_bad_row === 'warn') {
    input.log('warn', `${counts.rows_rejected} bad rows were left out`, { stream: stream.name });
  }
  const base = await startRows(engine, input, counts);
  const stepped = await runSteps(engine, input, base.state, counts);
  const diverts = needsMarks(input);
  if (!diverts) {
    const sql = finalSql(stepped.relation.sql, plan, stream, { ordered });
    const quarantine = quarantineSql(input, null);
    const rows: ReadyRows = { engine, sql, columns: finalColumns(plan), quarantine };
    return { rows, counts, open: stepped.rows === null, cursor: base.cursor };
  }
  const marked = await markRows(engine, input, stepped, counts);
  const rows: ReadyRows = {
    engine,
    sql: finalSql(marked.sql, plan, stream, { marked: true, ordered }),
    columns: finalColumns(plan),
    quarantine: quarantineSql(input, marked.sql),
  };
  return { rows, counts, open: false, cursor: base.cursor };
}

async function startRows(
  engine: Engine,
  input: ReadyInput,
  counts: Counts,
): Promise<{ state: State; cursor: CursorState | null }> {
  const { stream, plan, landed } = input;
  const good = goodRows(landed.parts);
  const goodCount = landed.rows_read - landed.rows_skipped - landed.rows_marked - landed.rows_unsplit;
  const columns = await engine.describe(good);
  const state: State = { relation: { sql: good, bytes: landed.bytes_landed }, columns, rows: goodCount };
  const name = plan.cursor ?? plan.window;
  const { incremental } = stream;
  if (name === null || (incremental.type !== 'cursor' && incremental.type !== 'window')) return { state, cursor: null };
  const column = visible(columns).find((c) => c.name === name);
  if (!column) throw new Error(`column ${name} is not in the landed rows`);
  const select = async (condition: string): Promise<State> => {
    const sql = `SELECT * FROM (${good}) WHERE ${condition}`;
    const [row] = await engine.rows(
      `SELECT count(*) FILTER (WHERE ${condition}) AS n, count(*) FILTER (WHERE ${ident(name)} IS NULL AND NOT (${condition})) AS empty FROM (${good})`,
    );
    const rows = Number(row?.n ?? 0);
    counts.rows_filtered += goodCount - rows;
    const empty = Number(row?.empty ?? 0);
    if (empty > 0) input.log('warn', `${empty} rows without a value of ${name} were left out`, { stream: stream.name });
    return { ...state, relation: { ...state.relation, sql }, rows };
  };
  const window = input.window ?? null;
  if (incremental.type === 'window') {
    return { state: window ? await select(windowFilter(incremental, column, window)) : state, cursor: null };
  }
  const before = cursorState(input.checkpoint);
  const given = window ? [window.from, window.to] : before === null ? [incremental.initial_value] : [];
  for (const text of given) if (text !== null) await requireCursorValue(engine, stream, text, column.type);
  // A backfill leaves the cursor where it is.
  if (window) return { state: await select(between(column, window)), cursor: before };
  const cursorInput: CursorInput = {
    rule: incremental,
    column,
    columns: visible(columns).filter((c) => plan.columns.some((p) => p.name === c.name && p.from !== null)),
    state: before,
    disposition: stream.destination.write_disposition,
  };
  return { state: await select(cursorFilter(cursorInput)), cursor: await nextCursor(engine, good, cursorInput) };
}

async function runSteps(engine: Engine, input: ReadyInput, start: State, counts: Counts): Promise<State> {
  let state = start;
  // Rows at the last point at which they were counted.
  let known = start.rows;
  let pending: LoadedStep[] = [];
  const flush = async () => {
    if (pending.length === 0) return;
    const next = await stepsSql(engine, state.relation.sql, state.columns, pending);
    const kept = pending.every(({ transform }) => transform.keepsRows === true);
    state = { relation: { ...state.relation, sql: next.sql }, columns: next.columns, rows: kept ? state.rows : null };
    pending = [];
  };
  for (const [index, loaded] of input.steps.entries()) {
    const { step, transform } = loaded;
    if (transform.scope(step.settings) === 'row') {
      pending.push(loaded);
      continue;
    }
    await flush();
    const before = state.rows;
    const keys = transform.partitionKey?.(step.settings) ?? null;
    const from = state;
    const made = await materialise(engine, `step-${index}`, state.relation, keys, (slice) =>
      stepSql(slice, transform, step, from.columns),
    );
    const described = await engine.describe(made.sql);
    const sql = withHidden(made.sql, described, true);
    state = { relation: { sql, bytes: made.bytes }, columns: await engine.describe(sql), rows: made.rows };
    countChange(
      counts,
      before ?? (await countRows(engine, from.relation.sql)),
      made.rows,
      before === null ? known : null,
    );
    known = made.rows;
  }
  // Rows that are only filtered are counted when they are written; those that a step adds cannot be told apart then.
  const pendingAdds = pending.some(({ transform }) => transform.addsRows === true);
  const before = state.rows;
  await flush();
  if (pendingAdds && before !== null && !needsMarks(input)) {
    const after = await countRows(engine, state.relation.sql);
    countChange(counts, before, after, null);
    state = { ...state, rows: after };
  }
  return state;
}

async function countRows(engine: Engine, sql: string): Promise<number> {
  const [row] = await engine.rows(`SELECT count(*) AS n FROM (${sql})`);
  return Number(row?.n ?? 0);
}
