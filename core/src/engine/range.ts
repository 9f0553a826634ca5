import type { Engine, RowRange, SourceTable } from '../model/component.ts';
import { toDuckType } from '../model/duck.ts';
import { SluiceError } from '../model/error.ts';
import type { Stream } from '../model/job.ts';
import type { Checkpoint, RunWindow } from '../model/run.ts';
import { literal } from '../model/sql.ts';
import { type DataType, sameType } from '../model/type.ts';
import { cursorState, exactText, lookback } from './cursor.ts';
import { openEngine } from './duckdb.ts';
import { windowBounds } from './window.ts';

/** Types whose values every database puts into the engine's order: of texts it may have another. */
const ORDERED: ReadonlySet<DataType['kind']> = new Set([
  'int',
  'bigint',
  'double',
  'decimal',
  'date',
  'timestamp',
  'timestamptz',
]);

interface RangeInput {
  /** What the last commit stored; null: a full load. */
  checkpoint: Checkpoint | null;
  /** The stretch that the run is about; null: whatever is new. */
  window: RunWindow | null;
  /** Where the engine that reads values may put its files. */
  spool: string;
}

/**
 * The part of a source's rows that a stream with a cursor or windows needs: what the engine would leave out anyway need not come.
 * Nothing where all rows have to. Throws `cursor/initial-value` (config) for a start or bound that is no value of the column, and
 * `window/type` for a window's column that holds no times.
 */
export async function wantedRange(
  stream: Stream,
  source: SourceTable | null,
  { checkpoint, window, spool }: RangeInput,
): Promise<{ range?: RowRange }> {
  const { incremental } = stream;
  if (source === null || (incremental.type !== 'cursor' && incremental.type !== 'window')) return {};
  const column = source.columns.find((c) => c.name === incremental.column);
  const declared = stream.columns.find((c) => c.from === incremental.column)?.type ?? null;
  const type = column?.type ?? wholeNumbers(column?.guess);
  if (!column || type === null || !ORDERED.has(type.kind)) return {};
  const isSame = declared === null || sameType(declared, type) || (column.type === null && declared.kind === 'int');
  if (!isSame) return {};
  const { name } = column;
  if (incremental.type === 'window') {
    return window
      ? { range: { column: name, ...windowBounds(incremental, { name, type }, window), nulls: false } }
      : {};
  }
  const state = cursorState(checkpoint);
  const start = window?.from ?? state?.value ?? incremental.initial_value;
  if (start === null) return {};
  const engine = await openEngine({ spool, threads: 1, memory: 50_000_000 });
  try {
    // The engine's cast rounds.
    const isWhole = /^-?\d+$/.test(start) && (await isValue(engine, start, type));
    if (column.type === null && state !== null && !window && !isWhole) return {};
    const value = `try_cast(${literal(start)} AS ${toDuckType(type)})`;
    const back = state === null || window ? value : lookback(value, type, incremental.lookback_ms);
    const from = await exact(engine, stream, back, start, type);
    const to =
      window &&
      (await exact(engine, stream, `try_cast(${literal(window.to)} AS ${toDuckType(type)})`, window.to, type));
    const nulls = !window && (state === null || stream.destination.write_disposition === 'merge');
    return { range: { column: name, from, to, nulls } };
  } finally {
    engine.close();
  }
}

async function exact(engine: Engine, stream: Stream, value: string, text: string, type: DataType): Promise<string> {
  const [row] = await engine.rows(`SELECT ${exactText(value, type)} AS value`);
  if (row?.value == null) throw badStart(stream, text);
  return String(row.value);
}

/**
 * Databases whose columns hold values of any type put all else behind whole numbers, so that nothing is passed over. The stored
 * cursor may be beyond the guess, which widens as rows want it; where it is no whole number all rows come.
 */
function wholeNumbers(guess: DataType | undefined): DataType | null {
  return guess?.kind === 'int' || guess?.kind === 'bigint' ? { kind: 'bigint' } : null;
}

/** Throws `cursor/initial-value` where a text that the job or a backfill gives is no value of the cursor's type. */
export async function requireCursorValue(engine: Engine, stream: Stream, text: string, type: DataType): Promise<void> {
  if (!(await isValue(engine, text, type))) throw badStart(stream, text);
}

async function isValue(engine: Engine, text: string, type: DataType): Promise<boolean> {
  const [row] = await engine.rows(`SELECT try_cast(${literal(text)} AS ${toDuckType(type)}) IS NOT NULL AS good`);
  return row?.good === true;
}

function badStart(stream: Stream, start: string): SluiceError {
  return new SluiceError('cursor/initial-value', 'config', `The cursor has no value "${start}"`, {
    where: { stream: stream.name },
    hint: 'Write `initial_value`, `--from` and `--to` as the column holds its values.',
  });
}
