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
import { checkNames, createTable } from '../shared/ddl.ts';
import { runHash, streamHash } from '../shared/names.ts';
import { quarantinedRows, quarantineGroups } from '../shared/quarantine.ts';
import { checkStaged, stagingHolds } from '../shared/staged.ts';
import {
  checkFence,
  insertQuarantine,
  inspectState,
  keyValues,
  plainColumn,
  raiseFence,
  readLedger,
  remembered,
  type StateDoor,
  type StateRow,
  toOpened,
  writeLedger,
  writeState,
} from '../shared/state.ts';
import { inPlace, OWN_TABLES, QUARANTINE, STATE } from '../shared/tables.ts';
import { Undo } from '../shared/transaction.ts';
import { type PgAddress, showAddress, toAddress } from './address.ts';
import { openSession, type PgDb, transaction } from './client.ts';
import { copyRows } from './copy.ts';
import { queryReadOnly } from './query.ts';
import {
  asideTable,
  clearEpoch,
  clearRun,
  copyAside,
  endWriters,
  keepTokens,
  rowsTable,
  STAGING,
  stageRows,
  staging,
  stagingNames,
} from './stage.ts';
import { lockName, PG, type PgTable, readTable } from './table.ts';
import { toPgType } from './types.ts';
import { type Input, type Target, type Written, writeRows } from './write.ts';

/** Tables in a PostgreSQL database. */
export const postgres: Destination = {
  async connect(ctx) {
    return new PostgresSession(ctx, toAddress(ctx.use.settings));
  },
};

const MAX_NAME = 63;

class PostgresSession implements DestinationSession {
  readonly lock = null;
  readonly folders: readonly string[] = [];
  readonly files: readonly string[] = [];
  readonly #ctx: DestinationContext;
  readonly #address: PgAddress;
  readonly #schema: string;
  readonly #table: string;

  constructor(ctx: DestinationContext, address: PgAddress) {
    this.#ctx = ctx;
    this.#address = address;
    this.#schema = ctx.use.schema ?? 'public';
    this.#table = ctx.use.table;
  }

  async test(): Promise<void> {
    await this.#session('reader', async (db) => {
      const rows = await db.rows(
        `SELECT current_setting('server_version_num')::int >= 130000 AS supported, current_setting('server_version') AS version,
           coalesce((SELECT has_schema_privilege(oid, 'CREATE, USAGE') FROM pg_namespace WHERE nspname = ${literal(this.#schema)}),
             has_database_privilege(current_database(), 'CREATE')) AS allowed`,
      );
      if (rows[0]?.supported !== 't')
        throw new SluiceError(
          'destination/too-old',
          'config',
          `Postgres at ${showAddress(this.#address)} is version ${rows[0]?.version}; 13 is the oldest that works.`,
        );
      if (rows[0]?.allowed !== 't')
        throw new SluiceError(
          'destination/no-rights',
          'config',
          `The user "${this.#address.user}" may not create tables in schema "${this.#schema}".`,
          {
            hint: `GRANT USAGE, CREATE ON SCHEMA ${ident(this.#schema)} TO ${ident(this.#address.user)}`,
          },
        );
    });
  }

  async open(addresses: Addresses, renamedFrom: readonly string[]): Promise<Opened> {
    this.#checkNames([]);
    await faultPoint('destination.open.before');
    const opened = await this.#session('reader', async (db) => {
      await this.#makeOwnTables(db);
      await this.#endOlderSessions(db);
      return transaction(db, async () => {
        await lockName(db, this.#schema, streamHash(this.#ctx.key));
        const row = await raiseFence(this.#door(db), renamedFrom);
        const table = await readTable(db, this.#schema, this.#table);
        await faultPoint('destination.open.inside');
        return { ...toOpened(row, addresses), table: known(table, row) };
      });
    });
    await faultPoint('destination.open.after');
    return opened;
  }

  async inspect(): Promise<(Opened & { files: number }) | null> {
    return this.#session('reader', async (db) => {
      if (!(await readTable(db, this.#schema, STATE.name))) return null;
      return inspectState(this.#door(db), async (row) => known(await readTable(db, this.#schema, this.#table), row));
    });
  }

  async table(): Promise<Column[] | null> {
    return this.#session('reader', async (db) => {
      return (await readTable(db, this.#schema, this.#table))?.columns.map(plainColumn) ?? null;
    });
  }

  async ledger(): Promise<Map<string, FileIdentity>> {
    return this.#session('reader', async (db) =>
      (await readTable(db, this.#schema, STATE.name)) ? readLedger(this.#door(db)) : new Map(),
    );
  }

  async quarantineGroups(): Promise<QuarantineGroup[]> {
    return this.#aside([], (door) => quarantineGroups(door));
  }

  async quarantined(filter: QuarantineFilter, page: { limit: number; offset: number }): Promise<QuarantinedRow[]> {
    return this.#aside([], (door) => quarantinedRows(door, filter, page));
  }

  #aside<T>(none: T, work: (door: StateDoor) => Promise<T>): Promise<T> {
    return this.#session('reader', async (db) =>
      (await readTable(db, this.#schema, QUARANTINE.name)) ? work(this.#door(db)) : none,
    );
  }

  async attach(): Promise<void> {}

  async detach(): Promise<void> {}

  async load(epoch: EpochCommit, rows: ReadyRows): Promise<CommitResult> {
    this.#checkNames(epoch.columns);
    await faultPoint('destination.load.before');
    const result = await this.#session('writer', (db) => {
      const input: Input = {
        copy: (table, columns, freeze) => copyRows(db, rows.engine, rows.sql, columns, table, freeze),
      };
      return this.#write(db, 'load', epoch, async () => {
        const written = await writeRows(this.#target(db), epoch, input);
        await rows.gate?.(written.rows_written);
        await this.#loadAside(db, rows);
        return written;
      });
    });
    await faultPoint('destination.load.after');
    return result;
  }

  async stage(request: StageRequest, rows: ReadyRows): Promise<StageToken> {
    this.#checkNames(request.columns);
    await faultPoint('destination.stage.before');
    const token = await this.#session('writer', async (db) => {
      await this.#makeOwnTables(db);
      return stageRows(db, staging(this.#schema, this.#ctx.key, this.#ctx.runId), request, rows, {
        table: this.#table,
        deletes: this.#ctx.use.deletes !== null,
        inside: () => faultPoint('destination.stage.inside'),
      });
    });
    await faultPoint('destination.stage.after');
    return token;
  }

  async commit(epoch: EpochCommit, tokens: readonly StageToken[]): Promise<CommitResult> {
    this.#checkNames(epoch.columns);
    await faultPoint('destination.commit.before');
    const result = await this.#session('writer', (db) =>
      this.#write(db, 'commit', epoch, async () => {
        if (tokens.length === 0) return { rows_written: 0 };
        return this.#commitStaged(db, epoch, tokens);
      }),
    );
    await faultPoint('destination.commit.after');
    return result;
  }

  async abort(runId: string): Promise<void> {
    await faultPoint('destination.abort.before');
    await this.#session('reader', (db) => clearRun(db, staging(this.#schema, this.#ctx.key, runId)));
    await faultPoint('destination.abort.after');
  }

  async query(sql: string): Promise<{ columns: Column[]; rows: (string | number | boolean | null)[][] }> {
    return this.#session('reader', (db) => queryReadOnly(db, sql));
  }

  async close(): Promise<void> {}

  async #write(
    db: PgDb,
    step: 'load' | 'commit',
    epoch: EpochCommit,
    work: () => Promise<Written>,
  ): Promise<CommitResult> {
    const door = this.#door(db);
    await this.#makeOwnTables(db);
    try {
      return await transaction(
        db,
        async () => {
          const earlier = await checkFence(door, epoch);
          if (earlier) throw new Undo(earlier);
          const written = await work();
          await writeLedger(door, epoch);
          // Last, because it locks the row that the next `open` needs: only the commit itself may make that wait.
          const done = await writeState(door, epoch, written);
          if (done) throw new Undo(done);
          await faultPoint(`destination.${step}.inside`);
          return { ...written, repeated: false };
        },
        () => faultPoint(`destination.${step}.committed`),
      );
    } catch (error) {
      if (error instanceof Undo) return error.value as CommitResult;
      throw error;
    }
  }

  async #commitStaged(db: PgDb, epoch: EpochCommit, tokens: readonly StageToken[]): Promise<Written> {
    const place = staging(this.#schema, this.#ctx.key, this.#ctx.runId);
    const name = rowsTable(place, epoch.epoch);
    const aside = asideTable(place, epoch.epoch);
    const expected = tokens.reduce((sum, token) => sum + token.rows, 0);
    const names = stagingNames(place, epoch.epoch);
    const staged = await readTable(db, this.#schema, names.rows);
    if (!staged) throw stagingHolds(0, expected);
    await endWriters(db, place, [names.rows, names.aside]);
    await keepTokens(db, place, epoch.epoch, tokens);
    const written = await writeRows(this.#target(db), epoch, { staged: { table: name, columns: staged.columns } });
    checkStaged(written.rows_written, expected);
    await db.changed(insertQuarantine([this.#schema], this.#ctx.key, this.#ctx.runId, `SELECT * FROM ${aside}`));
    await clearEpoch(db, place, epoch.epoch);
    return written;
  }

  async #loadAside(db: PgDb, rows: ReadyRows): Promise<void> {
    const text = (name: string): Column => ({ name, type: { kind: 'text' } });
    const fixed = [...keyValues(this.#ctx.key), literal(this.#ctx.runId)];
    const names = ['project', 'target', 'job', 'stream', 'run_id'];
    const select = names.map((name, i) => `, ${fixed[i]} AS ${ident(name)}`).join('');
    const now: Column = { name: 'quarantined_at', type: { kind: 'timestamptz' } };
    await copyAside(db, rows, inPlace([this.#schema], QUARANTINE.name), {
      select: `${select}, now() AS quarantined_at`,
      columns: [...names.map(text), now],
    });
  }

  #target(db: PgDb): Target {
    const scratch = `_sluice_load_${runHash(this.#ctx.key, this.#ctx.runId)}`;
    return { db, schema: this.#schema, name: this.#table, scratch };
  }

  async #session<T>(role: 'reader' | 'writer', work: (db: PgDb) => Promise<T>): Promise<T> {
    const db = await openSession(this.#address, role === 'writer' ? this.#tag() : 'sluice', this.#ctx.signal);
    try {
      return await work(db);
    } finally {
      await db.end();
    }
  }

  /** What sessions that write this stream are called, for `open` to find those of an older run. */
  #tag(): string {
    return `sluice ${streamHash(this.#ctx.key)}`;
  }

  async #endOlderSessions(db: PgDb): Promise<void> {
    await db.rows(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = ${literal(this.#tag())}
       AND pid <> pg_backend_pid() AND datname = current_database() AND usename = current_user`,
    );
  }

  async #makeOwnTables(db: PgDb): Promise<void> {
    const shapes = [...OWN_TABLES, STAGING];
    const names = shapes.map((shape) => literal(shape.name)).join(', ');
    const found = await db.rows(
      `SELECT count(*) AS n FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ${literal(this.#schema)} AND c.relname IN (${names})`,
    );
    if (Number(found[0]?.n) === shapes.length) return;
    await transaction(db, async () => {
      await lockName(db, 'schema', this.#schema);
      const schema = await db.rows(`SELECT 1 AS found FROM pg_namespace WHERE nspname = ${literal(this.#schema)}`);
      // IF NOT EXISTS would still want the right to create schemas.
      if (schema.length === 0) await db.run(`CREATE SCHEMA ${ident(this.#schema)}`);
      for (const shape of shapes)
        await db.run(createTable(inPlace([this.#schema], shape.name), shape, PG, 'TABLE IF NOT EXISTS'));
    });
  }

  #door(db: PgDb): StateDoor {
    return { db, place: [this.#schema], key: this.#ctx.key };
  }

  #checkNames(columns: readonly Column[]): void {
    const names = [
      { kind: 'schema', name: this.#schema },
      { kind: 'table', name: this.#table },
      ...columns.map((c) => ({ kind: 'column', name: c.name })),
    ];
    checkNames(names, { bytes: MAX_NAME, fold: (name) => name });
  }
}

/** The table's columns with the types that the stream gave them. */
function known(table: PgTable | null, { columns }: StateRow): Column[] | null {
  return table && remembered(table.columns, columns, (c) => c.pgType, toPgType).map(plainColumn);
}
