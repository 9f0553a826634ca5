import type { Engine } from '../model/component.ts';
import { SluiceError } from '../model/error.ts';
import type { Stream } from '../model/job.ts';
import { type Column, type DataType, sameType } from '../model/type.ts';
import { bind } from './prepare.ts';
import type { PlannedColumn, StreamPlan, WiderColumn } from './stream-plan.ts';
import { widerType } from './typing/widen.ts';

/** The plan with wider types for some columns, one schema version later. */
export async function widenPlan(
  engine: Engine,
  stream: Stream,
  plan: StreamPlan,
  types: readonly WiderColumn[],
  table: readonly Column[] | null,
): Promise<StreamPlan> {
  const isReplaced = stream.destination.write_disposition === 'replace' && plan.window === null;
  const wider = new Map(types.map((c) => [c.name, c.type]));
  const columns = plan.columns.map((c) => {
    const type = wider.get(c.name);
    return type && !c.declared ? { ...c, type: nextType(c, type, isReplaced) } : c;
  });
  try {
    return await bind(engine, stream, { ...plan, columns, schemaVersion: plan.schemaVersion + 1 }, table);
  } catch (error) {
    throw withPlace(error, types);
  }
}

/**
 * A type that holds the values which broke a column's: never the one that they broke. Of numbers with many digits on both sides of the
 * point the narrowest common type is one that is too narrow for either; then a table that is written anew takes what the source has, and
 * any other one can only hold texts.
 */
export function nextType(
  { type, raw }: Pick<PlannedColumn, 'type' | 'raw'>,
  found: DataType,
  isReplaced: boolean,
): DataType {
  const joined = widerType(type, found);
  if (!sameType(joined, type)) return joined;
  if (raw !== null && isReplaced && !sameType(raw, type)) return raw;
  return type.kind === 'list' || type.kind === 'struct' ? { kind: 'json' } : { kind: 'text' };
}

/** The error of a table that may not change, with the value that would change it. */
function withPlace(error: unknown, types: readonly WiderColumn[]): unknown {
  if (!(error instanceof SluiceError) || error.code !== 'schema/frozen') return error;
  const at = types.find(({ name }) => name === error.where.column)?.at;
  if (!at) return error;
  return new SluiceError(error.code, error.kind, `${at.path}, row ${at.row}: ${error.message}`, {
    where: { ...error.where, ...at },
    hint: `Correct the value${error.hint ? `. Or ${error.hint[0]?.toLowerCase()}${error.hint.slice(1)}` : ''}`,
  });
}
