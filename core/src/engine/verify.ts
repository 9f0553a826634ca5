import type { Engine, FormatReader, LocalFile } from '../model/component.ts';
import type { Stream } from '../model/job.ts';
import type { Column } from '../model/type.ts';
import { guard } from './pipeline.ts';
import { numberMarks } from './prepare.ts';
import type { PlannedColumn, StreamPlan, WiderColumn } from './stream-plan.ts';
import { verifyTypes } from './typing/widen.ts';

/** Columns, under the job's names, whose inferred type does not hold for every value of the files, with one that does. */
export async function verifyColumns(
  engine: Engine,
  stream: Stream,
  plan: StreamPlan,
  reader: FormatReader,
  files: readonly LocalFile[],
): Promise<WiderColumn[]> {
  const skipBadRows = stream.on_bad_row !== 'fail';
  const scan = await reader.scan(files, plan.sniffed, plan.formatSettings, engine, { rowNumbers: false, skipBadRows });
  const open = plan.columns.filter((c) => !c.declared && c.from !== null);
  const text = open.filter((c) => c.raw === null);
  const wider = await verifyTypes(
    engine,
    scan.sql,
    text.map((c) => ({ name: c.from ?? '', type: c.type })),
    numberMarks(plan.formatSettings),
  );
  const names = new Map(text.map((c) => [c.from, c.name]));
  const found = wider.map((c) => ({ name: names.get(c.name) ?? c.name, type: c.type }));
  const typed = open.filter((c) => c.raw !== null);
  const all = [...found, ...(await typedColumns(engine, scan.sql, typed))];
  if (all.length === 0) return [];
  const numbered = { rowNumbers: true, skipBadRows };
  const rows = await reader.scan(files, plan.sniffed, plan.formatSettings, engine, numbered);
  const placed: WiderColumn[] = [];
  for (const column of all) {
    const planned = open.find((c) => c.name === column.name);
    placed.push({ ...column, at: planned ? await firstPlace(engine, rows.sql, planned, files) : null });
  }
  return placed;
}

/** Where the first value stands that breaks a column's type. */
async function firstPlace(
  engine: Engine,
  sql: string,
  column: PlannedColumn,
  files: readonly LocalFile[],
): Promise<WiderColumn['at']> {
  const [row] = await engine.rows(
    `SELECT "_file" AS file, "_row" AS "row" FROM (${sql}) WHERE ${guard(column).bad} ORDER BY 1, 2 LIMIT 1`,
  );
  const path = files.find(({ ordinal }) => ordinal === Number(row?.file))?.name;
  return path === undefined || row?.row == null ? null : { path, row: Number(row.row) };
}

/** Columns whose format has types of its own: where the table's type does not hold, the format's does. */
async function typedColumns(engine: Engine, sql: string, columns: readonly PlannedColumn[]): Promise<Column[]> {
  const open = columns.map((column) => ({ column, bad: guard(column).bad })).filter(({ bad }) => bad !== 'false');
  if (open.length === 0) return [];
  const items = open.map(({ bad }, i) => `count(*) FILTER (WHERE ${bad}) AS b${i}`);
  const [row] = await engine.rows(`SELECT ${items.join(', ')} FROM (${sql})`);
  return open
    .filter((_, i) => Number(row?.[`b${i}`] ?? 0) > 0)
    .map(({ column }) => ({ name: column.name, type: column.raw ?? column.type }));
}
