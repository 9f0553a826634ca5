import type { ReadyRows, StageRequest, StageToken } from '../../model/component.ts';
import { QUARANTINE_COLUMNS } from '../../model/run.ts';
import { ident, literal } from '../../model/sql.ts';
import type { Column } from '../../model/type.ts';
import { stagingLost } from '../shared/staged.ts';
import { DELETE_MARK } from '../shared/tables.ts';
import type { MyDb } from './connection.ts';
import { insertRows } from './rows.ts';
import { createSql } from './table.ts';

/** Columns of rows that were set aside. */
export const ASIDE: Column[] = QUARANTINE_COLUMNS.map((name) => ({
  name,
  type: { kind: name === 'row_number' || name === 'byte_offset' ? 'bigint' : 'text' },
}));

/** What the names of all staging tables of a run of a stream begin with. */
export function stagingPrefix(run: string): string {
  return `_sluice_stage_${run}_`;
}

/** Inserts a task's rows into tables of its own, named by run, epoch, task and attempt; what they held before is replaced. */
export async function stageRows(
  db: MyDb,
  run: string,
  request: StageRequest,
  rows: ReadyRows,
  options: { deletes: boolean; collation: string },
): Promise<StageToken> {
  const { epoch, task, attempt, columns } = request;
  const name = `${stagingPrefix(run)}${epoch}_${task}_${attempt}`;
  const mark: Column[] = options.deletes ? [{ name: DELETE_MARK, type: { kind: 'boolean' } }] : [];
  const all = [...columns, ...mark];
  await db.run(`DROP TABLE IF EXISTS ${ident(name)}`);
  await db.run(createSql(name, all, [], options.collation));
  let aside: string | null = null;
  if (rows.quarantine) {
    aside = `${name}_q`;
    await db.run(`DROP TABLE IF EXISTS ${ident(aside)}`);
    await db.run(createSql(aside, ASIDE, [], options.collation));
  }
  await db.run('START TRANSACTION');
  const count = await insertRows(db, ident(name), all, rows);
  if (rows.quarantine && aside)
    await insertRows(db, ident(aside), ASIDE, { engine: rows.engine, sql: rows.quarantine });
  await db.run('COMMIT');
  return { rows: count, table: name, aside };
}

/** The tables that tokens stand for, with their rows as the tokens say. Throws commit/staging-lost. */
export async function stagedTables(db: MyDb, tokens: readonly StageToken[]): Promise<string[]> {
  const names: string[] = [];
  for (const token of tokens) {
    const name = ident(String(token.table));
    const found = await db.rows(`SELECT count(*) AS n FROM ${name}`).catch(() => []);
    if (Number(found[0]?.n ?? -1) !== token.rows)
      throw stagingLost(`Staging holds ${found[0]?.n ?? 'no'} rows of a task, its token says ${token.rows}`);
    names.push(name);
  }
  return names;
}

/** Removes all staging tables of a run. */
export async function clearRun(db: MyDb, run: string): Promise<void> {
  const prefix = stagingPrefix(run);
  const rows = await db.rows(
    `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = ${literal(db.address.database)} AND left(table_name, ${prefix.length}) = ${literal(prefix)}`,
  );
  for (const row of rows) await db.run(`DROP TABLE IF EXISTS ${ident(String(row.name))}`);
}
