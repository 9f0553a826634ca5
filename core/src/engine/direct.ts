import type { Engine, FormatReader, LocalFile, ReadyRows, RowPiece } from '../model/component.ts';
import type { SluiceError } from '../model/error.ts';
import type { Stream } from '../model/job.ts';
import { ident } from '../model/sql.ts';
import { loadSteps } from './components.ts';
import type { RaisedMark } from './failures.ts';
import { finalColumns, finalSql } from './final.ts';
import { badRow, pathOf } from './land.ts';
import { checkError } from './marks.ts';
import { sourceMasks } from './mask.ts';
import {
  emptySql,
  FAILED_CHECK,
  guard,
  type LoadedCheck,
  type LoadedStep,
  placed,
  type RunFacts,
  stepsSql,
  typedSql,
  visible,
} from './pipeline.ts';
import { FILE, ROW, type StreamPlan } from './stream-plan.ts';

export interface DirectInput {
  stream: Stream;
  plan: StreamPlan;
  reader: FormatReader;
  files: readonly LocalFile[];
  steps: readonly LoadedStep[];
  checks: readonly LoadedCheck[];
  facts: RunFacts;
}

/**
 * One query from the scan to the destination's columns. A bad value or a failed check ends it by an error that
 * `explainDirect` places; so it serves only streams where each of them fails the stream.
 */
export async function directRows(engine: Engine, input: DirectInput): Promise<ReadyRows> {
  const sql = await directSql(engine, input);
  return { engine, sql, columns: finalColumns(input.plan), quarantine: null };
}

/** As `directRows`, while files are still coming in: a query for each group of them; `counted` is told of its files and rows. */
export function arrivingRows(
  engine: Engine,
  input: Omit<DirectInput, 'files'>,
  groups: () => AsyncIterable<LocalFile[]>,
  counted: (files: readonly LocalFile[], rows: number) => void,
): ReadyRows {
  const columns = finalColumns(input.plan);
  async function* pieces(): AsyncGenerator<RowPiece> {
    for await (const files of groups()) {
      const sql = await directSql(engine, { ...input, files });
      yield { sql, written: (rows) => counted(files, rows) };
    }
  }
  return { engine, sql: emptySql(columns), pieces: pieces(), columns, quarantine: null };
}

async function directSql(engine: Engine, input: DirectInput): Promise<string> {
  const { stream, plan } = input;
  const needsRow = plan.columns.some((c) => c.metadata === 'row_number');
  const { sql, columns } = await stepped(engine, input, needsRow);
  const failing = input.checks
    .filter(({ check }) => check.failing !== undefined && !check.byCount)
    .map(
      ({ check, step, index }) =>
        `WHEN coalesce(${check.failing?.(step, columns)}, false) THEN error('${FAILED_CHECK}${index}')`,
    );
  const where = failing.length > 0 ? ` WHERE CASE ${failing.join(' ')} ELSE true END` : '';
  const checked = `SELECT * FROM (${sql})${where}`;
  return finalSql(checked, plan, stream);
}

async function stepped(engine: Engine, input: DirectInput, rowNumbers: boolean) {
  const { plan, reader, files, facts, steps } = input;
  const scan = await reader.scan(files, plan.sniffed, plan.formatSettings, engine, { rowNumbers, skipBadRows: false });
  const typed = typedSql(scan.sql, plan, files, facts, {
    mark: false,
    hidden: true,
    rowNumbers,
    masks: sourceMasks(input.stream),
  });
  const next = await stepsSql(engine, typed, await engine.describe(typed), steps);
  return { sql: next.sql, columns: visible(next.columns) };
}

/** Reads again to find the first row that broke a declared type or a check, and makes the error that names it. */
export async function explainDirect(
  engine: Engine,
  stream: Stream,
  plan: StreamPlan,
  reader: FormatReader,
  files: readonly LocalFile[],
  mark: RaisedMark,
  facts: RunFacts,
): Promise<SluiceError> {
  const { steps, checks } = await loadSteps(stream, engine);
  const place = `${pathOf(files)} AS path, ${ident(ROW)} AS row`;
  if (mark.kind === 'check') {
    const found = checks.find((c) => c.index === mark.index);
    const { sql, columns } = await stepped(engine, { stream, plan, reader, files, steps, checks, facts }, true);
    const failing = found?.check.failing?.(found.step, columns) ?? 'false';
    const rows = await engine.rows(
      `SELECT ${place}, count(*) OVER () AS n FROM (${sql}) WHERE coalesce(${failing}, false) ORDER BY ${ident(FILE)}, ${ident(ROW)} LIMIT 1`,
    );
    const row = rows[0];
    return checkError(
      stream,
      found,
      Number(row?.n ?? 1),
      row?.path == null ? null : String(row.path),
      Number(row?.row ?? 0),
    );
  }
  const column = plan.columns[mark.index];
  if (!column) throw new Error(`no column ${mark.index}`);
  const scan = await reader.scan(files, plan.sniffed, plan.formatSettings, engine, {
    rowNumbers: true,
    skipBadRows: true,
  });
  const bad = mark.kind === 'null' ? `${ident(column.from ?? '')} IS NULL` : guard(column).bad;
  const [row] = await engine.rows(
    `SELECT ${place} FROM (${placed(scan.sql, true)}) WHERE ${bad} ORDER BY ${ident(FILE)}, ${ident(ROW)} LIMIT 1`,
  );
  const code = mark.kind === 'null' ? 'type/null' : 'type/value';
  return badRow(stream, `${code}:${column.name}`, String(row?.path ?? ''), Number(row?.row ?? 0));
}
