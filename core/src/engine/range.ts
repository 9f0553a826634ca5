import type { RowRange, SourceTable } from '../model/component.ts';
import { toDuckType } from '../model/duck.ts';
import { SluiceError } from '../model/error.ts';
import type { Stream } from '../model/job.ts';
import type { Checkpoint } from '../model/run.ts';
import { literal } from '../model/sql.ts';
import { type DataType, sameType } from '../model/type.ts';
import { cursorState, exactText, lookback } from './cursor.ts';
import { openEngine } from './duckdb.ts';

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

/**
 * The part of a source's rows that a stream with a cursor still needs: what the engine would leave out anyway need not come.
 * Nothing where all rows have to. Throws `cursor/initial-value` (config).
 */
export async function cursorRange(
  stream: Stream,
  source: SourceTable | null,
  checkpoint: Checkpoint | null,
  spool: string,
): Promise<{ range?: RowRange }> {
  const { incremental } = stream;
  if (source === null || incremental.type !== 'cursor') return {};
  const column = source.columns.find((c) => c.name === incremental.column);
  const declared = stream.columns.find((c) => c.from === incremental.column)?.type ?? null;
  const type = column?.type ?? null;
  if (!column || type === null || !ORDERED.has(type.kind)) return {};
  if (declared !== null && !sameType(declared, type)) return {};
  const state = cursorState(checkpoint);
  const start = state?.value ?? incremental.initial_value;
  if (start === null) return {};
  const value = `try_cast(${literal(start)} AS ${toDuckType(type)})`;
  const low = state === null ? value : lookback(value, type, incremental.lookback_ms);
  const engine = await openEngine({ spool, threads: 1, memory: 50_000_000 });
  try {
    const [row] = await engine.rows(`SELECT ${exactText(low, type)} AS low`);
    if (row?.low == null) throw badStart(stream, start);
    const nulls = state === null || stream.destination.write_disposition === 'merge';
    return { range: { column: column.name, from: String(row.low), to: null, nulls } };
  } finally {
    engine.close();
  }
}

function badStart(stream: Stream, start: string): SluiceError {
  return new SluiceError('cursor/initial-value', 'config', `The cursor cannot start at "${start}"`, {
    where: { stream: stream.name },
    hint: 'Write `initial_value` as the column holds its values.',
  });
}
