import type { EpochCommit } from '../../model/component.ts';
import { toDuckType } from '../../model/duck.ts';
import { ident, literal } from '../../model/sql.ts';
import type { Column } from '../../model/type.ts';
import { createTable, planTable } from '../shared/ddl.ts';
import { typed } from '../shared/duck-rows.ts';
import { mergeRows } from './merge.ts';
import { DUCK, type Input, list, sameName, select, type Target, type Written } from './rows.ts';

/** Makes the table fit and puts the rows in, by the epoch's write disposition. The caller owns the transaction. */
export async function writeRows(target: Target, epoch: EpochCommit, input: Input): Promise<Written> {
  const whole = epoch.disposition === 'replace' && !epoch.window;
  const columns = await prepare(target, epoch, whole);
  // A merge that starts anew may hold rows that take their key away: they are left out as a merge leaves them out.
  if (epoch.disposition === 'merge' || epoch.deletes)
    return mergeRows(whole ? { ...target, existing: null } : target, epoch, input, columns);
  let rows_deleted = 0;
  if (epoch.disposition === 'replace' && epoch.window) {
    const { column, from, to } = epoch.window;
    const type = toDuckType(epoch.columns.find((c) => c.name === column)?.type ?? { kind: 'timestamptz' });
    const at = (text: string) => `CAST(${literal(text)} AS ${type})`;
    rows_deleted = await target.db.changed(
      `DELETE FROM ${target.table} WHERE ${ident(column)} >= ${at(from)} AND ${ident(column)} < ${at(to)}`,
    );
  }
  const names = list(epoch.columns);
  const insert = (sql: string) =>
    target.db.changed(`INSERT INTO ${target.table} (${names}) SELECT ${typed(epoch.columns)} FROM (${sql}) AS r`);
  let rows_written = await insert(select(input));
  for await (const piece of 'sql' in input ? (input.pieces ?? []) : []) {
    const rows = await insert(piece.sql);
    piece.written(rows);
    rows_written += rows;
  }
  return { rows_written, rows_inserted: rows_written, ...(rows_deleted > 0 ? { rows_deleted } : {}) };
}

async function prepare(target: Target, epoch: EpochCommit, whole: boolean): Promise<Column[]> {
  const { db, table, existing } = target;
  const plan = planTable(whole ? null : existing, epoch, sameName);
  if (plan.create) {
    await db.run(createTable(table, { columns: plan.create, primaryKey: [] }, DUCK, 'OR REPLACE TABLE'));
    return plan.create;
  }
  for (const column of plan.add)
    await db.run(`ALTER TABLE ${table} ADD COLUMN ${ident(column.name)} ${toDuckType(column.type)}`);
  for (const column of plan.alter)
    await db.run(`ALTER TABLE ${table} ALTER COLUMN ${ident(column.name)} SET DATA TYPE ${toDuckType(column.type)}`);
  return [...(existing ?? []), ...plan.add];
}
