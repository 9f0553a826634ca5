import type {
  Addresses,
  CommitResult,
  Destination,
  DestinationContext,
  DestinationSession,
  EpochCommit,
  Opened,
  ReadyRows,
  StageRequest,
  StageToken,
} from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import { faultPoint } from '../../model/fault.ts';
import type { QuarantinedRow, QuarantineFilter, QuarantineGroup } from '../../model/quarantine.ts';
import type { FileIdentity } from '../../model/run.ts';
import { ident, literal } from '../../model/sql.ts';
import type { Column } from '../../model/type.ts';
import { checkNames } from '../shared/ddl.ts';
import { runHash, streamHash } from '../shared/names.ts';
import { quarantinedRows, quarantineGroups } from '../shared/quarantine.ts';
import {
  checkFence,
  insertQuarantine,
  inspectState,
  plainColumn,
  raiseFence,
  readLedger,
  readState,
  remembered,
  type StateDoor,
  toOpened,
  writeLedger,
  writeState,
} from '../shared/state.ts';
import { STATE } from '../shared/tables.ts';
import { inTransaction, Undo } from '../shared/transaction.ts';
import { type MyAddress, showAddress, toAddress } from './address.ts';
import { type MyDb, openSession } from './connection.ts';
import { isLost } from './errors.ts';
import { queryReadOnly } from './query.ts';
import { insertRows } from './rows.ts';
import { ASIDE, clearRun, stagedTables, stageRows } from './stage.ts';
import { collationOf, createSql, fold, type MyColumn, makeOwnTables, readTable } from './table.ts';
import { toMyType } from './types.ts';
import { type Input, makeFit, type Target, type Written, writeRows } from './write.ts';

/** Tables in a MySQL or MariaDB database. */
export const mysql: Destination = {
  async connect(ctx) {
    return new MysqlSession(ctx, toAddress(ctx.use.settings));
  },
};

const MAX_NAME = 64;
const PATIENCE_S = 300;

class MysqlSession implements DestinationSession {
  readonly lock = null;
  readonly folders: readonly string[] = [];
  readonly files: readonly string[] = [];
  readonly #ctx: DestinationContext;
  readonly #address: MyAddress;
  readonly #table: string;

  constructor(ctx: DestinationContext, address: MyAddress) {
    this.#ctx = ctx;
    this.#address = address;
    this.#table = ctx.use.table;
  }

  async test(): Promise<void> {
    await this.#session(async (db) => {
      const name = `_sluice_test_${runHash(this.#ctx.key, this.#ctx.runId)}`;
      await db.run(createSql(name, [{ name: 'x', type: { kind: 'int' } }], [], await collationOf(db)));
      await db.run(`DROP TABLE ${ident(name)}`);
    });
  }

  async open(addresses: Addresses, renamedFrom: readonly string[]): Promise<Opened> {
    this.#check([]);
    await faultPoint('destination.open.before');
    const opened = await this.#session(async (db) => {
      await makeOwnTables(db, await collationOf(db));
      await this.#endOlderWriter(db);
      return this.#alone(db, () =>
        transaction(db, async () => {
          const row = await raiseFence(this.#door(db), renamedFrom);
          const table = await this.#known(db, row.columns);
          await faultPoint('destination.open.inside');
          return { ...toOpened(row, addresses), table: table?.map(plainColumn) ?? null };
        }),
      );
    });
    await faultPoint('destination.open.after');
    return opened;
  }

  async inspect(): Promise<(Opened & { files: number }) | null> {
    return this.#look(null, (db) =>
      inspectState(this.#door(db), async ({ columns }) => (await this.#known(db, columns))?.map(plainColumn) ?? null),
    );
  }

  async table(): Promise<Column[] | null> {
    return this.#session(async (db) => (await this.#known(db, null))?.map(plainColumn) ?? null);
  }

  async ledger(): Promise<Map<string, FileIdentity>> {
    return this.#look(new Map(), (db) => readLedger(this.#door(db)));
  }

  async quarantineGroups(): Promise<QuarantineGroup[]> {
    return this.#look([], (db) => quarantineGroups(this.#door(db)));
  }

  async quarantined(filter: QuarantineFilter, page: { limit: number; offset: number }): Promise<QuarantinedRow[]> {
    return this.#look([], (db) => quarantinedRows(this.#door(db), filter, page));
  }

  async attach(): Promise<void> {}

  async detach(): Promise<void> {}

  async load(epoch: EpochCommit, rows: ReadyRows): Promise<CommitResult> {
    this.#check(epoch.columns);
    await faultPoint('destination.load.before');
    const result = await this.#session((db) => {
      const input: Input = { insert: (table, columns) => insertRows(db, table, columns, rows) };
      return this.#write(db, 'load', epoch, true, async (target) => {
        const written = await writeRows(target, epoch, input);
        await rows.gate?.(written.rows_written);
        if (rows.quarantine) await this.#setAside(db, target.collation, rows, rows.quarantine);
        return written;
      });
    });
    await faultPoint('destination.load.after');
    return result;
  }

  async stage(request: StageRequest, rows: ReadyRows): Promise<StageToken> {
    this.#check(request.columns);
    await faultPoint('destination.stage.before');
    const token = await this.#session(async (db) => {
      const options = { deletes: this.#ctx.use.deletes !== null, collation: await collationOf(db) };
      return stageRows(db, this.#run(), request, rows, options);
    });
    await faultPoint('destination.stage.after');
    return token;
  }

  async commit(epoch: EpochCommit, tokens: readonly StageToken[]): Promise<CommitResult> {
    this.#check(epoch.columns);
    await faultPoint('destination.commit.before');
    const result = await this.#session((db) =>
      this.#write(db, 'commit', epoch, tokens.length > 0, async (target) => {
        if (tokens.length === 0) return { rows_written: 0 };
        const staged = await stagedTables(db, tokens);
        const written = await writeRows(target, epoch, { staged });
        const aside = tokens.flatMap((token) => (token.aside ? [ident(String(token.aside))] : []));
        for (const table of aside) await this.#insertAside(db, table);
        return written;
      }),
    );
    await this.#session((db) => clearRun(db, this.#run())).catch(() => undefined);
    await faultPoint('destination.commit.after');
    return result;
  }

  async abort(runId: string): Promise<void> {
    await faultPoint('destination.abort.before');
    await this.#session((db) => clearRun(db, runHash(this.#ctx.key, runId)));
    await faultPoint('destination.abort.after');
  }

  async query(sql: string): Promise<{ columns: Column[]; rows: (string | number | boolean | null)[][] }> {
    return this.#session(async (db) => {
      const state = (await readTable(db, STATE.name)) ? await readState(this.#door(db)) : null;
      const columns = (await this.#known(db, state?.columns ?? null).catch(() => null)) ?? [];
      return queryReadOnly(db, sql, { table: this.#table, columns });
    });
  }

  async close(): Promise<void> {}

  async #write(
    db: MyDb,
    step: 'load' | 'commit',
    epoch: EpochCommit,
    rowsToo: boolean,
    work: (target: Target) => Promise<Written>,
  ): Promise<CommitResult> {
    const door = this.#door(db);
    const collation = await collationOf(db);
    await makeOwnTables(db, collation);
    return this.#alone(db, async () => {
      const earlier = await checkFence(door, epoch);
      if (earlier) return earlier;
      const known = await this.#known(db, (await readState(door))?.columns ?? null);
      const scratch = `_sluice_load_${this.#run()}`;
      const target: Target = { db, name: this.#table, scratch, collation, existing: known };
      if (rowsToo) await makeFit(target, epoch);
      const write = async () => {
        const written = await work(target);
        await writeLedger(door, epoch);
        const done = await writeState(door, epoch, written);
        if (done) throw new Undo(done);
        await faultPoint(`destination.${step}.inside`);
        return { ...written, repeated: false };
      };
      try {
        return await transaction(db, write, () => faultPoint(`destination.${step}.committed`));
      } catch (error) {
        if (error instanceof Undo) return error.value as CommitResult;
        // A table that this load made and then could not fill is as good as none.
        if (rowsToo && known === null) await this.#dropEmpty(db, epoch);
        throw error;
      }
    });
  }

  /** Takes a table back that was made for an epoch which came to nothing. */
  async #dropEmpty(db: MyDb, epoch: EpochCommit): Promise<void> {
    try {
      const state = await readState(this.#door(db));
      const table = ident(this.#table);
      if (state?.fence !== epoch.fence || (await db.rows(`SELECT 1 AS found FROM ${table} LIMIT 1`)).length > 0) return;
      await db.run(`DROP TABLE ${table}`);
    } catch {
      // It stays, empty; the next run finds it as it wants it.
    }
  }

  async #setAside(db: MyDb, collation: string, rows: ReadyRows, quarantine: string): Promise<void> {
    const name = `_sluice_load_${this.#run()}_q`;
    await db.run(createSql(name, ASIDE, [], collation).replace('CREATE TABLE', 'CREATE TEMPORARY TABLE'));
    await insertRows(db, ident(name), ASIDE, { engine: rows.engine, sql: quarantine });
    await this.#insertAside(db, ident(name));
    await db.run(`DROP TEMPORARY TABLE ${ident(name)}`);
  }

  async #insertAside(db: MyDb, table: string): Promise<void> {
    const { key, runId } = this.#ctx;
    await db.changed(insertQuarantine([this.#address.database], key, runId, `SELECT * FROM ${table}`));
  }

  /** Runs `work` while no other session of this stream opens, loads or commits. */
  async #alone<T>(db: MyDb, work: () => Promise<T>): Promise<T> {
    const name = literal(this.#lockName());
    const [row] = await db.rows(`SELECT GET_LOCK(${name}, ${PATIENCE_S}) AS got`);
    if (row?.got !== '1')
      throw new SluiceError(
        'destination/locked',
        'transient',
        `Another run of this stream works in ${showAddress(this.#address)}.`,
        { hint: 'Wait for it to end.' },
      );
    return work();
  }

  /** A run that hangs holds its lock: its session is ended, and its transaction with it. */
  async #endOlderWriter(db: MyDb): Promise<void> {
    const name = literal(this.#lockName());
    const [row] = await db.rows(`SELECT IS_USED_LOCK(${name}) AS id`);
    if (row?.id != null) await db.run(`KILL ${Number(row.id)}`).catch(() => undefined);
  }

  #lockName(): string {
    return `sluice_${streamHash(this.#ctx.key)}`;
  }

  async #session<T>(work: (db: MyDb) => Promise<T>): Promise<T> {
    const db = await openSession(this.#address, this.#ctx.signal);
    try {
      return await work(db);
    } finally {
      await db.end();
    }
  }

  async #look<T>(none: T, work: (db: MyDb) => Promise<T>): Promise<T> {
    return this.#session(async (db) => ((await readTable(db, STATE.name)) ? work(db) : none));
  }

  /** The table with the types that this stream gave its columns. */
  async #known(db: MyDb, written: readonly Column[] | null): Promise<MyColumn[] | null> {
    const table = await readTable(db, this.#table);
    return table && remembered(table, written, (c) => c.myType, toMyType);
  }

  #run(): string {
    return runHash(this.#ctx.key, this.#ctx.runId);
  }

  #door(db: MyDb): StateDoor {
    return { db, place: [this.#address.database], key: this.#ctx.key };
  }

  #check(columns: readonly Column[]): void {
    const names = [{ kind: 'table', name: this.#table }, ...columns.map((c) => ({ kind: 'column', name: c.name }))];
    checkNames(names, { bytes: MAX_NAME, fold });
  }
}

function transaction<T>(db: MyDb, work: () => Promise<T>, committed?: () => Promise<void>): Promise<T> {
  return inTransaction(db, { begin: 'START TRANSACTION', commit: () => commit(db) }, work, committed);
}

async function commit(db: MyDb): Promise<void> {
  try {
    await db.run('COMMIT');
  } catch (error) {
    if (!isLost(error)) throw error;
    const cause = (error as Error).message;
    throw new SluiceError('commit/unknown', 'transient', `Whether the commit took place is not known: ${cause}`, {
      cause: error,
    });
  }
}
