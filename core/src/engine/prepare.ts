import { freeNames } from '../formats/shared/names.ts';
import type { Engine, FormatReader, LocalFile, RawColumn, Sniffed, SourceTable } from '../model/component.ts';
import { SluiceError } from '../model/error.ts';
import type { ColumnRule, Stream } from '../model/job.ts';
import type { Column, DataType } from '../model/type.ts';
import * as specs from '../specs.ts';
import { COLUMNS, sniffedColumns } from './columns.ts';
import { loadSteps, readerOf } from './components.ts';
import { decideContract } from './contract.ts';
import { formatOf } from './format-of.ts';
import { maskedType, maskOf } from './mask.ts';
import { nativeColumns, tableFor, withNatives } from './native.ts';
import { emptySql, type LoadedCheck, type LoadedStep, stepsSql, visible } from './pipeline.ts';
import { collision, heldColumns, plannedName } from './settle.ts';
import type { PlannedColumn, StreamPlan } from './stream-plan.ts';
import { FILE, ROW } from './stream-plan.ts';
import { NO_MARKS } from './typing/candidates.ts';
import { type InferredColumn, inferTypes, type NumberMarks } from './typing/infer.ts';
import { selectors } from './window.ts';

/** Rows per file and in all that inference looks at; every later value is guarded all the same. */
const SAMPLE_ROWS = 20_480;

export interface PrepareInput {
  stream: Stream;
  /** Files of the sample, already readable: spread over all splits. */
  files: readonly LocalFile[];
  table: readonly Column[] | null;
}

/** Fixes format, dialect, columns and types of a stream before its first task, and binds its transforms. */
export async function prepare(engine: Engine, input: PrepareInput): Promise<StreamPlan> {
  const { stream, files } = input;
  const format = formatOf(stream, files);
  const reader = await readerOf(format.type);
  const found = await reader.sniff(files, format.settings, engine);
  const expected = reader.expect?.(found, expectedColumns(stream, found, input.table)) ?? found;
  const declared = withDeclared(stream, expected, files);
  const wanted = neededColumns(stream, declared.columns);
  const sniffed = wanted && reader.prune ? reader.prune(declared, wanted) : declared;
  const marks = numberMarks(format.settings);
  const inferred = await inferColumns(
    engine,
    reader,
    files,
    sniffed,
    format.settings,
    marks,
    knownTypes(stream, sniffed, input.table),
  );
  const warnings: string[] = [...(sniffed.warnings ?? [])];
  const columns = planColumns(stream, sniffed.columns, { inferred, table: input.table, marks, warnings });
  const evidence = [...format.evidence, ...sniffed.evidence];
  const plan = newPlan(stream, { format: format.type, formatSettings: format.settings, sniffed, columns });
  return bind(engine, stream, { ...plan, evidence, warnings }, input.table);
}

/** As `prepare`, for a source that knows its columns: no row is looked at. */
export async function prepareColumns(
  engine: Engine,
  input: Pick<PrepareInput, 'stream' | 'table'> & { source: SourceTable },
): Promise<StreamPlan> {
  const { stream, table, source } = input;
  const found = nativeColumns(stream, source.columns, table);
  const free = freeNames(found.map(({ name }) => name));
  const raw = found.map((column, i) => ({ ...column, name: free[i] ?? column.name }));
  const sniffed = sniffedColumns(raw);
  const guesses = raw.map(({ name, guess }) => ({ name, type: guess ?? TEXT, ambiguousDate: false, evidence: '' }));
  const known = { inferred: guesses, table, marks: NO_MARKS, warnings: [] };
  const columns = planColumns(stream, raw, known);
  const plan = newPlan(stream, { format: COLUMNS, formatSettings: {}, sniffed, columns });
  return bind(engine, stream, plan, table);
}

function newPlan(
  stream: Stream,
  known: Pick<StreamPlan, 'format' | 'formatSettings' | 'sniffed' | 'columns'>,
): StreamPlan {
  return {
    ...known,
    schemaVersion: 1,
    output: [],
    contract: [],
    addColumns: [],
    alterColumns: [],
    runScopeFrom: null,
    direct: false,
    numbered: true,
    ...selectors(stream, known.columns),
    evidence: [],
    warnings: [],
  };
}

/** Works out what follows from the columns' types: the transforms' output, the contract, the way of the rows. */
export async function bind(
  engine: Engine,
  stream: Stream,
  plan: StreamPlan,
  table: readonly Column[] | null,
): Promise<StreamPlan> {
  const { steps, checks } = await loadSteps(stream, engine);
  const landed: Column[] = plan.columns.map((c) => ({ name: c.name, type: c.type }));
  const hidden: Column[] = [
    { name: FILE, type: { kind: 'int' } },
    { name: ROW, type: { kind: 'bigint' } },
  ];
  const bound = await stepsSql(engine, emptySql([...landed, ...hidden]), [...landed, ...hidden], steps);
  const output = withNatives(visible(bound.columns), plan.columns);
  requireColumns(stream, output);
  const masked = output.map((c) => ({ ...c, type: maskedType(c.type, maskOf(stream, c.name)) }));
  const whole = stream.destination.write_disposition === 'replace' && plan.window === null;
  const decision = decideContract(masked, whole ? null : tableFor(plan.columns, table), stream);
  return {
    ...plan,
    output,
    ...decision,
    runScopeFrom: runScopeFrom(stream, steps, checks, plan),
    direct: isDirect(stream, steps, checks, plan, decision.contract),
    numbered: needsNumbers(stream, steps, checks, plan),
  };
}

async function inferColumns(
  engine: Engine,
  reader: FormatReader,
  files: readonly LocalFile[],
  sniffed: StreamPlan['sniffed'],
  settings: StreamPlan['formatSettings'],
  marks: NumberMarks,
  typed: ReadonlySet<string>,
): Promise<InferredColumn[]> {
  const open = sniffed.columns.map((c) => (typed.has(c.name) ? { ...c, type: TEXT } : c));
  if (open.every((c) => c.type !== null)) return [];
  return inferTypes(engine, await sampleSql(engine, reader, files, sniffed, settings, false), open, marks);
}

/** The rows that types are inferred from: some of each file's first ones. */
export async function sampleSql(
  engine: Engine,
  reader: FormatReader,
  files: readonly LocalFile[],
  sniffed: StreamPlan['sniffed'],
  settings: StreamPlan['formatSettings'],
  rowNumbers: boolean,
): Promise<string> {
  const perFile = Math.max(1000, Math.floor(SAMPLE_ROWS / Math.max(1, files.length)));
  const parts: string[] = [];
  for (const file of files) {
    const scan = await reader.scan([file], sniffed, settings, engine, {
      rowNumbers,
      limit: perFile,
      skipBadRows: true,
    });
    parts.push(`(SELECT * FROM (${scan.sql}) LIMIT ${perFile})`);
  }
  return parts.join(' UNION ALL ');
}

const TEXT: DataType = { kind: 'text' };

/** The source's columns that the job looks at, where its first step keeps only some; null: all. */
function neededColumns(stream: Stream, columns: readonly RawColumn[]): Set<string> | null {
  const [first] = stream.transform;
  const kept = first && specs.transforms[first.type]?.capabilities.columns === 'keep' ? first.settings.columns : null;
  if (!Array.isArray(kept)) return null;
  const names = new Set(kept.map((name) => String(name).toLowerCase()));
  const { incremental } = stream;
  const rules = new Map(stream.columns.map((rule) => [rule.from, rule]));
  const isWanted = ({ name }: RawColumn) =>
    rules.has(name) || names.has(name.toLowerCase()) || ('column' in incremental && incremental.column === name);
  return new Set(columns.filter(isWanted).map(({ name }) => name));
}

/** Columns of the source whose type is not to be inferred: it is declared, or the table has it. */
function knownTypes(stream: Stream, sniffed: Sniffed, table: readonly Column[] | null): Set<string> {
  const rules = new Map(stream.columns.map((c) => [c.from, c]));
  const existing = new Set((table ?? []).map((c) => c.name));
  const known = sniffed.columns.filter(({ name }) => {
    const rule = rules.get(name);
    return rule?.type != null || rule?.mask != null || existing.has(rule?.name ?? plannedName(stream, name));
  });
  return new Set(known.map((c) => c.name));
}

/** Columns that the job declares, and those of the source whose type the table has, by the source's names. */
function expectedColumns(stream: Stream, sniffed: Sniffed, table: readonly Column[] | null): RawColumn[] {
  const existing = new Map((table ?? []).map((c) => [c.name, c.type]));
  const declared = stream.columns.flatMap((c) =>
    c.from === null ? [] : [{ name: c.from, type: c.type ?? existing.get(c.name) ?? null }],
  );
  const own = new Set(declared.map((c) => c.name));
  const typeOf = (from: string) => existing.get(plannedName(stream, from)) ?? null;
  const others = sniffed.columns.filter((c) => !own.has(c.name) && typeOf(c.name) !== null);
  return [...declared, ...others.map((c) => ({ name: c.name, type: typeOf(c.name) }))];
}

/** Decimal and thousands marks that the format's settings give for all its numbers. */
export function numberMarks(settings: StreamPlan['formatSettings']): NumberMarks {
  const text = (name: string) => (typeof settings[name] === 'string' ? String(settings[name]) : null);
  return { decimal: text('decimal'), thousands: text('thousands') };
}

/** Files without a single column are empty: the job's own columns then stand for theirs, so that the table gets its types. */
function withDeclared(stream: Stream, sniffed: Sniffed, files: readonly LocalFile[]): Sniffed {
  if (sniffed.columns.length > 0) return sniffed;
  const columns = stream.columns.flatMap((c) => (c.from === null ? [] : [{ name: c.from, type: null }]));
  if (columns.length > 0) return { ...sniffed, columns };
  const path = files[0]?.name ?? '';
  const [doubt] = sniffed.warnings ?? [];
  const message = doubt ?? `${path} has no columns: it holds no header, and no record with a field`;
  throw new SluiceError('format/no-columns', 'data', message, {
    where: { stream: stream.name, path },
    hint: 'Declare the columns, so that an empty file is known to hold no rows, or `exclude` the file.',
  });
}

interface Known {
  inferred: readonly InferredColumn[];
  table: readonly Column[] | null;
  marks: NumberMarks;
  warnings: string[];
}

function planColumns(stream: Stream, raw: readonly RawColumn[], known: Known): PlannedColumn[] {
  const { inferred, table, marks, warnings } = known;
  const rules = new Map(stream.columns.filter((c) => c.from !== null).map((c) => [c.from ?? '', c]));
  const guesses = new Map(inferred.map((c) => [c.name, c]));
  const existing = new Map((table ?? []).map((c) => [c.name, c.type]));
  const planned = raw.map((column) => {
    const rule = rules.get(column.name);
    rules.delete(column.name);
    const guess = guesses.get(column.name);
    if (guess?.ambiguousDate && !rule?.type) {
      warnings.push(
        `Column ${column.name} holds dates whose day and month cannot be told apart: it stays text. Declare its type and \`format\`.`,
      );
    }
    const name = rule?.name ?? plannedName(stream, column.name);
    // A hash must not depend on what the other rows look like: where nobody gives a masked column a type it is text.
    const guessed = rule?.mask == null ? guess?.type : undefined;
    const known = column.native === undefined ? existing.get(name) : undefined;
    const type = rule?.type ?? known ?? column.type ?? guessed ?? { kind: 'text' };
    const base = { name, from: column.name, raw: column.type, type, declared: rule?.type != null };
    const planned = fromRule(rule, base, column.type === null ? marks : NO_MARKS);
    return column.native === undefined ? planned : { ...planned, native: column.native };
  });
  const missing = [...rules.values()];
  if (missing.length > 0) throw missingColumns(stream, missing, raw);
  const metadata = stream.columns.filter((c) => c.metadata !== null);
  for (const rule of metadata) {
    planned.push(
      fromRule(rule, {
        name: rule.name,
        from: null,
        raw: null,
        type: rule.type ?? METADATA_TYPES[rule.metadata ?? 'path'] ?? { kind: 'text' },
        declared: true,
      }),
    );
  }
  for (const [i, { name, from }] of planned.entries()) {
    const earlier = planned.slice(0, i).find((c) => c.name === name);
    if (earlier)
      throw collision(
        stream,
        name,
        [earlier, { from }].map((c) => c.from ?? 'a column of metadata'),
      );
  }
  return planned;
}

const METADATA_TYPES: Partial<Record<string, DataType>> = {
  modified_at: { kind: 'timestamptz' },
  loaded_at: { kind: 'timestamptz' },
  window_start: { kind: 'timestamptz' },
  row_number: { kind: 'bigint' },
};

function fromRule(
  rule: ColumnRule | undefined,
  base: Pick<PlannedColumn, 'name' | 'from' | 'raw' | 'type' | 'declared'>,
  marks: NumberMarks = NO_MARKS,
): PlannedColumn {
  const decimal = rule?.decimal ?? marks.decimal;
  return {
    ...base,
    nullable: rule?.nullable ?? true,
    format: rule?.format ?? null,
    decimal: decimal === '.' ? null : decimal,
    thousands: rule?.thousands ?? marks.thousands,
    scale: rule?.scale ?? null,
    metadata: rule?.metadata ?? null,
  };
}

function missingColumns(stream: Stream, missing: ColumnRule[], raw: readonly RawColumn[]): SluiceError {
  const names = missing.map((c) => c.from).join(', ');
  return new SluiceError('columns/missing', 'data', `The source has no column ${names}`, {
    where: { stream: stream.name, column: missing[0]?.from ?? '' },
    hint: `Its columns are: ${raw.map((c) => c.name).join(', ')}.`,
  });
}

function requireColumns(stream: Stream, output: readonly Column[]): void {
  const names = new Set(output.map((c) => c.name));
  const missing = stream.destination.primary_key.find((key) => !names.has(key));
  if (missing === undefined) return;
  throw new SluiceError(
    'destination/key-missing',
    'config',
    `The rows have no column ${missing}, which primary_key names`,
    {
      where: { stream: stream.name, column: missing },
      hint: `The columns after the transforms are: ${[...names].join(', ')}.`,
    },
  );
}

/** Where the stream's rows are needed all at once: a run-scope step or check, a merge, a cursor. */
function runScopeFrom(
  stream: Stream,
  steps: readonly LoadedStep[],
  checks: readonly LoadedCheck[],
  plan: StreamPlan,
): number | null {
  const step = steps.findIndex(({ step: s, transform }) => transform.scope(s.settings) === 'run');
  if (step >= 0) return step;
  const gathered =
    plan.cursor !== null ||
    stream.destination.write_disposition === 'merge' ||
    checks.some(({ step: s, check }) => check.scope(s) === 'run' && !check.byCount);
  return gathered ? steps.length : null;
}

function isDirect(
  stream: Stream,
  steps: readonly LoadedStep[],
  checks: readonly LoadedCheck[],
  plan: StreamPlan,
  contract: StreamPlan['contract'],
): boolean {
  return (
    plan.cursor === null &&
    plan.window === null &&
    heldColumns(stream).length === 0 &&
    stream.on_bad_row === 'fail' &&
    stream.destination.write_disposition !== 'merge' &&
    stream.destination.deletes === null &&
    steps.every(({ transform }) => transform.keepsRows === true) &&
    checks.every(({ step, check }) =>
      check.byCount ? true : check.scope(step) === 'row' && step.on_failure === 'fail',
    ) &&
    contract.every((c) => c.action === 'keep' || c.action === 'null_value' || c.action === 'drop')
  );
}

/** Steps and checks of run scope order rows by their place, and rows set aside or refused are named by it. */
function needsNumbers(
  stream: Stream,
  steps: readonly LoadedStep[],
  checks: readonly LoadedCheck[],
  plan: StreamPlan,
): boolean {
  return (
    stream.on_bad_row !== 'fail' ||
    stream.destination.write_disposition === 'merge' ||
    plan.columns.some((c) => c.metadata === 'row_number') ||
    heldColumns(stream).length > 0 ||
    steps.some(({ step, transform }) => (transform.partitionKey?.(step.settings) ?? null) !== null) ||
    checks.some(({ check }) => check.failing !== undefined && !check.byCount) ||
    stream.schema_contract.columns === 'quarantine' ||
    stream.schema_contract.data_type === 'quarantine'
  );
}
