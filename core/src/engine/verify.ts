import type { Engine, FormatReader, LocalFile } from '../model/component.ts';
import type { Stream } from '../model/job.ts';
import type { Column } from '../model/type.ts';
import type { StreamPlan } from './stream-plan.ts';
import { verifyTypes } from './typing/widen.ts';

/** Columns, under the job's names, whose inferred type does not hold for every value of the files, with one that does. */
export async function verifyColumns(
  engine: Engine,
  stream: Stream,
  plan: StreamPlan,
  reader: FormatReader,
  files: readonly LocalFile[],
): Promise<Column[]> {
  const skipBadRows = stream.on_bad_row !== 'fail';
  const scan = await reader.scan(files, plan.sniffed, plan.formatSettings, engine, { rowNumbers: false, skipBadRows });
  const inferred = plan.columns.filter((c) => !c.declared && c.from !== null);
  const current = inferred.map((c) => ({ name: c.from ?? '', raw: c.raw, type: c.type }));
  const wider = await verifyTypes(engine, scan.sql, current);
  const names = new Map(inferred.map((c) => [c.from, c.name]));
  return wider.map((c) => ({ name: names.get(c.name) ?? c.name, type: c.type }));
}
