import { toDuckType } from '../model/duck.ts';
import type { Stream } from '../model/job.ts';
import { ident, literal } from '../model/sql.ts';
import { wrapExpression } from '../model/sql-wrap.ts';
import type { Column } from '../model/type.ts';
import { maskOf, maskSql } from './mask.ts';
import { withNatives } from './native.ts';
import { NOT_KEPT } from './pipeline.ts';
import { type ContractColumn, DELETE, FILE, REJECT, ROW, type StreamPlan } from './stream-plan.ts';
import { guardedCast } from './typing/cast.ts';

export function contractCast(entry: ContractColumn, stream: Stream): { value: string; bad: string } {
  return guardedCast(written(entry, stream), entry.from, {
    type: entry.type,
    format: null,
    decimal: null,
    thousands: null,
    scale: null,
    inferred: false,
  });
}

/** A column's value as the contract sees it: masked, and of the type that the mask gives it. */
function written(entry: ContractColumn, stream: Stream): string {
  return maskSql(ident(entry.name), entry.from, maskOf(stream, entry.name));
}

/** Columns that are written, in order, with the types that the table gets. */
export function finalColumns(plan: StreamPlan): Column[] {
  const columns = plan.contract
    .filter((c) => c.action !== 'drop' && !c.unknown)
    .map((c) => ({ name: c.name, type: c.type }));
  return withNatives(columns, plan.columns);
}

/** The rows' final SELECT: the contract's casts, marked rows left out; `ordered`: as they stand in the source. */
export function finalSql(
  sql: string,
  plan: StreamPlan,
  stream: Stream,
  { marked = false, ordered = false }: { marked?: boolean; ordered?: boolean } = {},
): string {
  const items = plan.contract
    .filter((c) => c.action !== 'drop' && !c.unknown)
    .map((c) => {
      const same = toDuckType(c.from) === toDuckType(c.type);
      const value = same
        ? written(c, stream)
        : c.action === 'keep'
          ? kept(c, plan, stream)
          : contractCast(c, stream).value;
      return `${value} AS ${ident(c.name)}`;
    });
  const { deletes } = stream.destination;
  if (deletes) items.push(`coalesce(${wrapExpression(deletes.when)}, false) AS ${ident(DELETE)}`);
  const where = marked ? ` WHERE ${ident(REJECT)} IS NULL` : '';
  const order = ordered ? ` ORDER BY ${ident(FILE)}, ${ident(ROW)}` : '';
  return `SELECT ${items.join(', ')} FROM (${sql})${where}${order}`;
}

/** Where the table's type is widened for the rows' one, a value that it cannot hold ends the query: a cast would round it. */
function kept(entry: ContractColumn, plan: StreamPlan, stream: Stream): string {
  const value = `CAST(${written(entry, stream)} AS ${toDuckType(entry.type)})`;
  const isAltered = plan.alterColumns.some(({ name }) => name === entry.name);
  if (!isAltered || entry.from.kind !== 'double' || entry.type.kind !== 'decimal') return value;
  const { bad, value: whole } = contractCast(entry, stream);
  return `CASE WHEN ${bad} THEN error(${literal(`${NOT_KEPT}${entry.name}`)}) ELSE ${whole} END`;
}
