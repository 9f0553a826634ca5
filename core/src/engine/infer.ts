import { mkdir, rm } from 'node:fs/promises';
import type { Engine } from '../model/component.ts';
import type { JsonObject } from '../model/json.ts';
import { ident } from '../model/sql.ts';
import { type Column, type DataType, formatType } from '../model/type.ts';
import { boundSteps } from './bound-steps.ts';
import { COLUMNS } from './columns.ts';
import { readerOf } from './components.ts';
import { engineFailure } from './failures.ts';
import { pathOf } from './land.ts';
import { masksAny, prepareMasks } from './mask.ts';
import { openSource } from './open-source.ts';
import { placed } from './pipeline.ts';
import { numberMarks, sampleSql } from './prepare.ts';
import { type Sampled, type SampleInput, sampleSource } from './sample.ts';
import { FILE, type PlannedColumn, ROW } from './stream-plan.ts';
import { inferredRule, LADDER, type NumberMarks } from './typing/candidates.ts';
import { guardedCast } from './typing/cast.ts';
import { nestedType } from './typing/structure.ts';

/** Why a column has not a narrower type. */
export interface RuledOut {
  type: string;
  /** Values of the sample that it would not keep. */
  rows: number;
  /** The first of them; null where the column is masked. */
  value: string | null;
  path: string | null;
  row: number;
}

export interface InferredColumnReport {
  name: string;
  /** Name in the source. */
  from: string;
  type: string;
  /** Where the type comes from: the job, the source itself, or the sample. */
  by: 'declared' | 'source' | 'sample';
  values: number;
  nulls: number;
  ruled_out: RuledOut[];
  /** Of a json column whose values are alike: the list or struct that keeps all those of the sample. It has to be declared. */
  nested?: string;
}

export interface Inferred {
  format: string | null;
  /** Settings of the format as they were found out and can be written down. */
  pinned: JsonObject;
  files: number;
  /** Files and rows that were looked at. */
  sampled_files: number;
  sampled_rows: number;
  columns: InferredColumnReport[];
  evidence: string[];
  warnings: string[];
  /** Columns after each step of `transform`; null where a step cannot be bound. */
  steps: (Column[] | null)[];
}

/** Says what a stream's source holds and why it is read so. Nothing is written but the spool, which goes again. */
export async function inferStream(input: SampleInput): Promise<Inferred> {
  const { projectDir, signal, log, stream } = input;
  const session = await openSource(stream, { projectDir, signal, log, glance: input.glance === true });
  await mkdir(input.spool, { recursive: true });
  let found: Inferred | null = null;
  try {
    await sampleSource(
      input,
      session,
      // The steps may not bind before the columns are known: they are not what is asked for.
      (own) => ({ ...own, transform: [], checks: [], incremental: { type: 'none' } }),
      async (engine, sampled) => {
        await prepareMasks(engine, stream);
        const steps = await boundSteps(engine, stream, sampled.plan.columns);
        found = { ...(await reportOf(engine, sampled)), steps };
      },
    );
  } catch (error) {
    throw engineFailure(error, { stream: stream.name }, masksAny(stream));
  } finally {
    await session.close();
    await rm(input.spool, { recursive: true, force: true });
  }
  if (found === null) throw new Error('the sample was not looked at');
  return found;
}

async function reportOf(
  engine: Engine,
  { stream, files, splits, plan, schemaOnly }: Sampled,
): Promise<Omit<Inferred, 'steps'>> {
  const masked = new Set(stream.columns.flatMap((column) => (column.mask === null ? [] : [column.name])));
  const own = plan.columns.filter((column) => column.from !== null);
  const common = {
    files: splits.length,
    sampled_files: files.length,
    evidence: plan.evidence,
    warnings: plan.warnings,
  };
  if (plan.format === COLUMNS) {
    const columns = own.map((column) => plainReport(column, column.declared ? 'declared' : 'source'));
    return { ...common, format: null, pinned: {}, sampled_rows: 0, columns };
  }
  const reader = await readerOf(plan.format);
  if (schemaOnly) {
    const columns = own.map((column) => plainReport(column, column.declared ? 'declared' : 'source'));
    const pinned = reader.pin?.(plan.sniffed, plan.formatSettings) ?? {};
    return { ...common, format: plan.format, pinned, sampled_rows: 0, columns };
  }
  const sql = placed(await sampleSql(engine, reader, files, plan.sniffed, plan.formatSettings, true), true);
  await engine.run(`CREATE TEMP TABLE ${ident(SAMPLE)} AS ${sql}`);
  const [count] = await engine.rows(`SELECT count(*) AS n FROM ${ident(SAMPLE)}`);
  const marks = numberMarks(plan.formatSettings);
  const columns: InferredColumnReport[] = [];
  for (const column of own) {
    columns.push(await columnReport(engine, column, { marks, files, hidden: masked.has(column.name) }));
  }
  await engine.run(`DROP TABLE ${ident(SAMPLE)}`);
  return {
    ...common,
    format: plan.format,
    pinned: reader.pin?.(plan.sniffed, plan.formatSettings) ?? {},
    sampled_rows: Number(count?.n ?? 0),
    columns,
  };
}

const SAMPLE = '_sluice_sample';

function plainReport(column: PlannedColumn, by: InferredColumnReport['by']): InferredColumnReport {
  const { name, from, type } = column;
  return { name, from: from ?? name, type: formatType(type), by, values: 0, nulls: 0, ruled_out: [] };
}

async function columnReport(
  engine: Engine,
  column: PlannedColumn,
  { marks, files, hidden }: { marks: NumberMarks; files: Sampled['files']; hidden: boolean },
): Promise<InferredColumnReport> {
  const name = ident(column.from ?? column.name);
  const isText = column.raw === null || column.raw.kind === 'text';
  const filled = isText ? `${name} <> ''` : `${name} IS NOT NULL`;
  const [row] = await engine.rows(
    `SELECT count(*) FILTER (${filled}) AS filled, count(*) FILTER (${name} IS NULL) AS nulls FROM ${ident(SAMPLE)}`,
  );
  const values = Number(row?.filled ?? 0);
  const by = column.declared ? 'declared' : column.raw === null ? 'sample' : 'source';
  const report = { ...plainReport(column, by), values, nulls: Number(row?.nulls ?? 0) };
  if (by !== 'declared' && column.type.kind === 'json' && values > 0) {
    const nested = hidden ? null : await nestedType(engine, ident(SAMPLE), column.from ?? column.name);
    if (nested) return { ...report, nested: formatType(nested) };
  }
  if (by !== 'sample' || values === 0) return report;
  return { ...report, ruled_out: await ruledOut(engine, column, { marks, files, hidden, values }) };
}

/** Types that some of the values would fit, and the first value that each would not keep: the nearest ones first. */
async function ruledOut(
  engine: Engine,
  column: PlannedColumn,
  { marks, files, hidden, values }: { marks: NumberMarks; files: Sampled['files']; hidden: boolean; values: number },
): Promise<RuledOut[]> {
  const found: RuledOut[] = [];
  const name = ident(column.from ?? column.name);
  for (const type of narrower(column.type)) {
    const { bad } = guardedCast(name, null, inferredRule(type, marks));
    const [first] = await engine.rows(
      `SELECT ${name} AS v, ${pathOf(files)} AS path, ${ident(ROW)} AS r, count(*) OVER () AS n FROM ${ident(SAMPLE)}
       WHERE ${bad} ORDER BY ${ident(FILE)}, ${ident(ROW)} LIMIT 1`,
    );
    const rows = Number(first?.n ?? 0);
    if (first === undefined || rows === 0 || rows === values) continue;
    const value = hidden || first.v === null || first.v === undefined ? null : String(first.v).slice(0, 200);
    const path = first.path === null || first.path === undefined ? null : String(first.path);
    found.push({ type: formatType(type), rows, value, path, row: Number(first.r ?? 0) });
  }
  return found.sort((a, b) => a.rows - b.rows).slice(0, 2);
}

/** Types of the ladder before the one that was taken; for a decimal those of numbers, for text all. */
function narrower(type: DataType): DataType[] {
  const at = LADDER.findIndex((one) => one.kind === type.kind);
  if (at >= 0) return LADDER.slice(0, at);
  return type.kind === 'decimal' ? LADDER.filter((one) => one.kind === 'bigint' || one.kind === 'double') : [...LADDER];
}
