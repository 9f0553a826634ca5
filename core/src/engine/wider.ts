import type { Engine } from '../model/component.ts';
import { SluiceError } from '../model/error.ts';
import type { Stream } from '../model/job.ts';
import type { Column } from '../model/type.ts';
import { bind } from './prepare.ts';
import type { StreamPlan, WiderColumn } from './stream-plan.ts';
import { widerType } from './typing/widen.ts';

/** The plan with wider types for some columns, one schema version later. */
export async function widenPlan(
  engine: Engine,
  stream: Stream,
  plan: StreamPlan,
  types: readonly WiderColumn[],
  table: readonly Column[] | null,
): Promise<StreamPlan> {
  const wider = new Map(types.map((c) => [c.name, c.type]));
  const columns = plan.columns.map((c) => {
    const type = wider.get(c.name);
    return type && !c.declared ? { ...c, type: widerType(c.type, type) } : c;
  });
  try {
    return await bind(engine, stream, { ...plan, columns, schemaVersion: plan.schemaVersion + 1 }, table);
  } catch (error) {
    throw withPlace(error, types);
  }
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
