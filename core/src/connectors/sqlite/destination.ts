import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
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
import { QUARANTINE_COLUMNS } from '../../model/run.ts';
import { ident, literal, literalList } from '../../model/sql.ts';
import type { Column } from '../../model/type.ts';
import { checkNames, createTable } from '../shared/ddl.ts';
import { runHash } from '../shared/names.ts';
import { quarantinedRows, quarantineGroups } from '../shared/quarantine.ts';
import { realPath } from '../shared/real-path.ts';
import { withScratch } from '../shared/scratch.ts';
import { checkStaged } from '../shared/staged.ts';
import { removeStaging, stageRows, stagingFolder } from '../shared/staging.ts';
import {
  checkFence,
  inspectState,
  keyValues,
  plainColumn,
  raiseFence,
  readLedger,
  readState,
  remembered,
  type StateDoor,
  type StateRow,
  toOpened,
  writeLedger,
  writeState,
} from '../shared/state.ts';
import { inPlace, OWN_TABLES, QUARANTINE, STATE } from '../shared/tables.ts';
import { type SqliteDb, transaction, withSqlite } from './file.ts';
import { queryReadOnly } from './query.ts';
import { fold, readTable, SQLITE, type SqliteColumn } from './table.ts';
import { toSqliteType } from './types.ts';
import { each, type Input, writeRows } from './write.ts';

/** Tables in an SQLite file. */
export const sqlite: Destination = {
  async connect(ctx) {
    const path = String(ctx.use.settings.path ?? '');
    if (path === '' || path.startsWith(':') || /^(file:|\w+:\/\/)/.test(path))
      throw new SluiceError('destination/bad-path', 'config', `"${path}" is no file of this machine.`, {
        hint: 'Give `path` a file name, such as data/app.sqlite.',
      });
    return new SqliteSession(ctx, await realPath(resolve(ctx.projectDir, path)));
  },
};

const DEFAULT_BUDGET = { threads: 2, memory: 1_000_000_000 };

class SqliteSession implements DestinationSession {
  readonly lock: string;
  readonly folders: readonly string[];
  readonly files: readonly string[] = [];
  readonly #ctx: DestinationContext;
  readonly #path: string;
  readonly #table: string;

  constructor(ctx: DestinationContext, path: string) {
    this.#ctx = ctx;
    this.#path = path;
    this.#table = ctx.use.table;
    this.lock = path;
    this.folders = [this.#staging(ctx.runId)];
  }

  async test(): Promise<void> {
    await this.#open(false, async (db) => {
      await transaction(db, this.#ctx.signal, async () => undefined);
    });
  }

  async open(addresses: Addresses, renamedFrom: readonly string[]): Promise<Opened> {
    this.#check([]);
    await faultPoint('destination.open.before');
    const opened = await this.#open(false, (db) =>
      transaction(db, this.#ctx.signal, async () => {
        await this.#makeOwnTables(db);
        const row = await raiseFence(this.#door(db), renamedFrom);
        const table = await this.#known(db, row);
        await faultPoint('destination.open.inside');
        return { ...toOpened(row, addresses), table: table?.map(plainColumn) ?? null };
      }),
    );
    await faultPoint('destination.open.after');
    return opened;
  }

  async inspect(): Promise<(Opened & { files: number }) | null> {
    return this.#look(null, (db) =>
      inspectState(this.#door(db), async (row) => (await this.#known(db, row))?.map(plainColumn) ?? null),
    );
  }

  async table(): Promise<Column[] | null> {
    if (!(await this.#exists())) return null;
    return this.#open(true, async (db) => (await this.#known(db, null))?.map(plainColumn) ?? null);
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
    const input: Input = { engine: rows.engine, sql: rows.sql };
    const result = await this.#open(false, (db) =>
      this.#write(db, 'load', epoch, input, rows.quarantine, async (written) => rows.gate?.(written)),
    );
    await faultPoint('destination.load.after');
    return result;
  }

  async stage(request: StageRequest, rows: ReadyRows): Promise<StageToken> {
    await faultPoint('destination.stage.before');
    this.#check(request.columns);
    const token = await stageRows(this.#staging(this.#ctx.runId), request, rows, this.#ctx.use.deletes !== null);
    await faultPoint('destination.stage.after');
    return token;
  }

  async commit(epoch: EpochCommit, tokens: readonly StageToken[]): Promise<CommitResult> {
    this.#check(epoch.columns);
    await faultPoint('destination.commit.before');
    const staging = this.#staging(this.#ctx.runId);
    const options = { budget: this.#budget(), spill: join(staging, 'tmp'), signal: this.#ctx.signal };
    const parts = tokens.map((token) => String(token.data));
    const aside = tokens.flatMap((token) => (token.quarantine ? [String(token.quarantine)] : []));
    const expected = tokens.reduce((sum, token) => sum + token.rows, 0);
    const all = (files: readonly string[]) => `SELECT * FROM read_parquet(${literalList(files)})`;
    const result = await withScratch(options, (engine) =>
      this.#open(false, async (db) => {
        const input = parts.length > 0 ? { engine, sql: all(parts) } : null;
        return this.#write(
          db,
          'commit',
          epoch,
          input,
          aside.length > 0 ? all(aside) : null,
          async (written) => checkStaged(written, expected),
          engine,
        );
      }),
    );
    await removeStaging(this.#path, join(staging, String(epoch.epoch)));
    await faultPoint('destination.commit.after');
    return result;
  }

  async abort(runId: string): Promise<void> {
    await faultPoint('destination.abort.before');
    await removeStaging(this.#path, this.#staging(runId));
    await faultPoint('destination.abort.after');
  }

  async query(sql: string): Promise<{ columns: Column[]; rows: (string | number | boolean | null)[][] }> {
    if (!(await this.#exists()))
      throw new SluiceError('destination/no-warehouse', 'config', `There is no SQLite file at ${this.#path} yet.`, {
        hint: 'Run a job first: it makes the file.',
      });
    return this.#open(true, async (db) => queryReadOnly(db, sql));
  }

  async close(): Promise<void> {}

  /** `input` null: a commit without rows leaves the table alone. */
  async #write(
    db: SqliteDb,
    step: 'load' | 'commit',
    epoch: EpochCommit,
    input: Input | null,
    quarantine: string | null,
    gate: (written: number) => Promise<void>,
    engine = input?.engine,
  ): Promise<CommitResult> {
    const door = this.#door(db);
    const { signal } = this.#ctx;
    const work = async (): Promise<CommitResult> => {
      await this.#makeOwnTables(db);
      const earlier = await checkFence(door, epoch);
      if (earlier) return earlier;
      const existing = await this.#known(db, await readState(door));
      const scratch = `_sluice_load_${runHash(this.#ctx.key, this.#ctx.runId)}`;
      const target = { db, name: this.#table, scratch, signal, existing };
      const written = input ? await writeRows(target, epoch, input) : { rows_written: 0 };
      await gate(written.rows_written);
      if (quarantine && engine) await this.#setAside(db, { engine, sql: quarantine });
      await writeLedger(door, epoch);
      await writeState(door, epoch, written);
      await faultPoint(`destination.${step}.inside`);
      return { ...written, repeated: false };
    };
    return transaction(db, signal, work, () => faultPoint(`destination.${step}.committed`));
  }

  async #setAside(db: SqliteDb, input: Input): Promise<void> {
    const { key, runId, signal } = this.#ctx;
    const fixed = [...keyValues(key), literal(runId)].join(', ');
    const names = QUARANTINE_COLUMNS.map((name) => ident(name)).join(', ');
    const insert = db.handle.prepare(
      `INSERT INTO ${ident(QUARANTINE.name)} (project, target, job, stream, run_id, ${names}, quarantined_at)
       VALUES (${fixed}, ${QUARANTINE_COLUMNS.map(() => '?').join(', ')}, strftime('%Y-%m-%d %H:%M:%f000Z'))`,
    );
    const columns = QUARANTINE_COLUMNS.map((name): Column => {
      const kind = name === 'row_number' || name === 'byte_offset' ? 'bigint' : 'text';
      return { name, type: { kind } };
    });
    await each({ signal }, input, columns, (row) => {
      insert.run(row);
    });
  }

  /** The table with the types that this stream gave its columns. */
  async #known(db: SqliteDb, state: StateRow | null): Promise<SqliteColumn[] | null> {
    const table = await readTable(db, this.#table);
    return table && remembered(table, state?.columns ?? null, (c) => c.declared, toSqliteType);
  }

  #open<T>(readOnly: boolean, work: (db: SqliteDb) => Promise<T>): Promise<T> {
    return withSqlite(this.#path, { readOnly, memory: this.#budget().memory, signal: this.#ctx.signal }, work);
  }

  /** Reads the state's tables; `none` where there are none. */
  async #look<T>(none: T, work: (db: SqliteDb) => Promise<T>): Promise<T> {
    if (!(await this.#exists())) return none;
    return this.#open(true, async (db) => ((await readTable(db, STATE.name)) ? work(db) : none));
  }

  #exists(): Promise<boolean> {
    return stat(this.#path).then(
      (found) => found.size > 0,
      () => false,
    );
  }

  #budget() {
    return this.#ctx.budget ?? DEFAULT_BUDGET;
  }

  #staging(runId: string): string {
    return stagingFolder(this.#path, this.#ctx.key, runId);
  }

  #door(db: SqliteDb): StateDoor {
    return { db, place: ['main'], key: this.#ctx.key };
  }

  async #makeOwnTables(db: SqliteDb): Promise<void> {
    for (const shape of OWN_TABLES)
      await db.run(createTable(inPlace(['main'], shape.name), shape, SQLITE, 'TABLE IF NOT EXISTS'));
  }

  #check(columns: readonly Column[]): void {
    const { schema } = this.#ctx.use;
    if (schema !== null && schema !== 'main')
      throw new SluiceError('destination/schema', 'config', `An SQLite file has no schema "${schema}".`, {
        hint: 'Leave `schema` out.',
      });
    if (fold(this.#table).startsWith('sqlite_'))
      throw new SluiceError('destination/bad-name', 'config', `SQLite keeps names like "${this.#table}" for itself.`, {
        hint: 'Give the destination a `table` whose name does not begin with sqlite_.',
      });
    checkNames(
      columns.map((c) => ({ kind: 'column', name: c.name })),
      { bytes: null, fold },
    );
  }
}
