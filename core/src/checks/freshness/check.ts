import { requireColumns } from '../../model/columns.ts';
import type { Check } from '../../model/component.ts';
import type { CheckStep } from '../../model/job.ts';
import { ident, literal } from '../../model/sql.ts';
import type { Column, DataType } from '../../model/type.ts';
import { parseDuration } from '../../model/units.ts';
import type { Infer } from '../../spec/schema.ts';
import { unfit } from '../values.ts';
import type { freshnessSettings } from './spec.ts';

const TIMES: ReadonlySet<DataType['kind']> = new Set(['date', 'timestamp', 'timestamptz']);

/**
 * The newest value of a column against the run's start. The detail holds no value of the data: the column may be masked.
 * Throws `step/unknown_column`, `check/type`.
 */
export const freshness: Check = {
  scope: () => 'run',
  verdict(step, columns, now) {
    const { max_age } = read(step);
    const [column] = requireColumns(columns, [read(step).column], 'checks/freshness') as [Column];
    if (!TIMES.has(column.type.kind)) throw unfit(step, column, 'a date, timestamp or timestamptz');
    const newest = `max(${ident(column.name)})`;
    const at = column.type.kind === 'timestamptz' ? newest : `${newest}::TIMESTAMP AT TIME ZONE 'UTC'`;
    const oldest = `${literal(now)}::TIMESTAMPTZ - to_milliseconds(${parseDuration(max_age) ?? 0})`;
    const detail = `CASE WHEN ${newest} IS NULL THEN 'no row has a value' ELSE 'the newest value is older' END`;
    return `SELECT count(*) > 0 AND coalesce(${at} < ${oldest}, true) AS failed, ${detail} AS detail FROM "input"`;
  },
  describe: (step) => `${read(step).column} is older than ${read(step).max_age} at the start of the run`,
  userSql: () => [],
  partitionKey: () => null,
};

function read(step: CheckStep): Infer<typeof freshnessSettings> {
  return step.settings as Infer<typeof freshnessSettings>;
}
