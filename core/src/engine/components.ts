import type { Engine, FormatReader } from '../model/component.ts';
import { SluiceError } from '../model/error.ts';
import type { Stream } from '../model/job.ts';
import * as registry from '../registry.ts';
import { inspectUserSql } from './cage/inspect.ts';
import { COLUMNS, columnsReader } from './columns.ts';
import type { LoadedCheck, LoadedStep } from './pipeline.ts';
import { settlingStep } from './settle.ts';

/**
 * Loads the implementations of a stream's transforms and checks and lets the cage inspect all their user SQL. What follows the
 * transforms by itself is the last step.
 */
export async function loadSteps(
  stream: Stream,
  engine: Engine,
): Promise<{ steps: LoadedStep[]; checks: LoadedCheck[] }> {
  const steps: LoadedStep[] = [];
  for (const step of stream.transform) {
    const transform = await pick(registry.transforms, 'transform', step.type);
    for (const { sql, form } of transform.userSql(step.settings))
      await inspectUserSql(engine, sql, form, { label: `transform/${step.type}` });
    steps.push({ step, transform });
  }
  const settling = settlingStep(stream);
  if (settling) steps.push(settling);
  const checks: LoadedCheck[] = [];
  for (const [index, step] of stream.checks.entries()) {
    const check = await pick(registry.checks, 'check', step.type);
    for (const { sql, form } of check.userSql(step))
      await inspectUserSql(engine, sql, form, { label: `checks/${step.type}` });
    checks.push({ step, check, index });
  }
  const { deletes } = stream.destination;
  if (deletes) await inspectUserSql(engine, deletes.when, 'expression', { label: 'destination/deletes/when' });
  return { steps, checks };
}

/** The reader of a plan's format, or of what its source of columns writes. Throws as `pick` does. */
export async function readerOf(format: string): Promise<FormatReader> {
  return format === COLUMNS ? columnsReader : pick(registry.formats, 'format', format);
}

/** Loads one component by type; throws config errors that name the types there are. */
export async function pick<T>(
  map: Readonly<Record<string, { load: () => Promise<T> }>>,
  kind: string,
  type: string,
): Promise<T> {
  const entry = Object.hasOwn(map, type) ? map[type] : undefined;
  if (!entry) {
    throw new SluiceError('component/unknown', 'config', `There is no ${kind} of type ${type}`, {
      hint: `Known: ${Object.keys(map).join(', ')}.`,
    });
  }
  return entry.load();
}
