import type { Engine } from '../model/component.ts';
import type { Stream } from '../model/job.ts';
import type { Column } from '../model/type.ts';
import * as registry from '../registry.ts';
import { inspectUserSql } from './cage/inspect.ts';
import { pick } from './components.ts';
import { emptySql, stepsSql, visible } from './pipeline.ts';
import { FILE, type PlannedColumn, ROW } from './stream-plan.ts';

/**
 * The columns after each step of a stream, bound over a relation without rows. null for a step that the engine cannot bind, and for
 * those behind it: a job that is being written may be wrong anywhere.
 */
export async function boundSteps(
  engine: Engine,
  stream: Stream,
  planned: readonly PlannedColumn[],
): Promise<(Column[] | null)[]> {
  const hidden: Column[] = [
    { name: FILE, type: { kind: 'int' } },
    { name: ROW, type: { kind: 'bigint' } },
  ];
  let current: Column[] | null = [...planned.map(({ name, type }) => ({ name, type })), ...hidden];
  const found: (Column[] | null)[] = [];
  for (const step of stream.transform) {
    current = current && (await afterStep(engine, current, step));
    found.push(current && visible(current));
  }
  return found;
}

async function afterStep(
  engine: Engine,
  columns: readonly Column[],
  step: Stream['transform'][number],
): Promise<Column[] | null> {
  try {
    const transform = await pick(registry.transforms, 'transform', step.type);
    for (const { sql, form } of transform.userSql(step.settings))
      await inspectUserSql(engine, sql, form, { label: `transform/${step.type}` });
    return (await stepsSql(engine, emptySql(columns), columns, [{ step, transform }])).columns;
  } catch {
    return null;
  }
}
