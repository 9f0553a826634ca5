import { access, constants, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type {
  Addresses,
  CommitResult,
  Destination,
  DestinationContext,
  DestinationSession,
  Engine,
  EpochCommit,
  Opened,
  ReadyRows,
  StageRequest,
  StageToken,
} from '../../model/component.ts';
import { fromDuckType } from '../../model/duck.ts';
import { SluiceError } from '../../model/error.ts';
import { faultPoint } from '../../model/fault.ts';
import type { QuarantinedRow, QuarantineFilter, QuarantineGroup } from '../../model/quarantine.ts';
import type { FileIdentity } from '../../model/run.ts';
import { ident, literal, literalList } from '../../model/sql.ts';
import type { Column } from '../../model/type.ts';
import { checkNames, createTable } from '../shared/ddl.ts';
import { RULE_HINTS } from '../shared/errors.ts';
import { quarantinedRows, quarantineGroups } from '../shared/quarantine.ts';
import { checkStaged } from '../shared/staged.ts';
import { removeStaging, stageRows, stagingFolder } from '../shared/staging.ts';
import {
  checkFence,
  insertQuarantine,
  inspectState,
  raiseFence,
  readLedger,
  type StateDoor,
  toOpened,
  writeLedger,
  writeState,
} from '../shared/state.ts';
import { type Db, inPlace, OWN_TABLES, QUARANTINE, STATE } from '../shared/tables.ts';
import { ALIAS, attachSql, detach, explainOpen, withFile } from './file.ts';
import { warehousePath } from './path.ts';
import { queryFile } from './query.ts';
import { DUCK, type Input, type Written } from './rows.ts';
import { writeRows } from './write.ts';

/** Tables in a DuckDB file. */
export const duckdb: Destination = {
  async connect(ctx) {
    const path = await warehousePath(ctx.use.settings.path, ctx.projectDir);
    return new DuckdbSession(ctx, path);
  },
};

const DEFAULT_BUDGET = { threads: 2, memory: 1_000_000_000 };

class DuckdbSession implements DestinationSession {
  readonly lock: string;
  readonly folders: readonly string[];
  readonly files: readonly string[];
  readonly #ctx: DestinationContext;
  readonly #path: string;
  readonly #schema: string;
  readonly #attached = new WeakSet<Engine>();

  constructor(ctx: DestinationContext, path: string) {
    this.#ctx = ctx;
    this.#path = path;
    this.#schema = ctx.use.schema ?? 'main';
    this.lock = path;
    this.folders = [this.#staging(ctx.runId)];
    this.files = [path, `${path}.wal`, `${path}.wal.checkpoint`, `${path}.wal.recovery`];
  }

  async test(): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true });
    await access(dirname(this.#path), constants.W_OK).catch(() => {
      throw new SluiceError('destination/no-rights', 'config', `The folder of ${this.#path} is not writable.`, {
        hint: 'Give `path` a file in a folder that the user that runs this may write to.',
      });
    });
    if (await this.#exists()) await this.#withFile(false, async () => undefined);
  }

  async open(addresses: Addresses, renamedFrom: readonly string[]): Promise<Opened> {
    await faultPoint('destination.open.before');
    const opened = await this.#withFile(false, (db) =>
      transaction(db, async () => {
        await this.#makeOwnTables(db);
        const row = await raiseFence(this.#door(db), renamedFrom);
        const table = await this.#table(db);
        await faultPoint('destination.open.inside');
        return { ...toOpened(row, addresses), table };
      }),
    );
    await faultPoint('destination.open.after');
    return opened;
  }

  async inspect(): Promise<(Opened & { files: number }) | null> {
    if (!(await this.#exists())) return null;
    return this.#withFile(true, async (db) => {
      if (!(await hasTable(db, this.#schema, STATE.name))) return null;
      return inspectState(this.#door(db), () => this.#table(db));
    });
  }

  async table(): Promise<Column[] | null> {
    return (await this.#exists()) ? this.#withFile(true, (db) => this.#table(db)) : null;
  }

  async ledger(): Promise<Map<string, FileIdentity>> {
    if (!(await this.#exists())) return new Map();
    return this.#withFile(true, async (db) =>
      (await hasTable(db, this.#schema, STATE.name)) ? readLedger(this.#door(db)) : new Map(),
    );
  }

  async quarantineGroups(): Promise<QuarantineGroup[]> {
    return this.#aside([], (door) => quarantineGroups(door));
  }

  async quarantined(filter: QuarantineFilter, page: { limit: number; offset: number }): Promise<QuarantinedRow[]> {
    return this.#aside([], (door) => quarantinedRows(door, filter, page));
  }

  async #aside<T>(none: T, work: (door: StateDoor) => Promise<T>): Promise<T> {
    if (!(await this.#exists())) return none;
    return this.#withFile(true, async (db) =>
      (await hasTable(db, this.#schema, QUARANTINE.name)) ? work(this.#door(db)) : none,
    );
  }

  async attach(engine: Engine): Promise<void> {
    if (this.#attached.has(engine)) return;
    await mkdir(dirname(this.#path), { recursive: true });
    await engine.run(attachSql(this.#path, false)).catch((error) => {
      throw explainOpen(error, this.#path);
    });
    this.#attached.add(engine);
  }

  async detach(engine: Engine): Promise<void> {
    if (!this.#attached.delete(engine)) return;
    await detach(engine, this.#path, this.#ctx.log);
  }

  async load(epoch: EpochCommit, rows: ReadyRows): Promise<CommitResult> {
    await faultPoint('destination.load.before');
    const own = !this.#attached.has(rows.engine);
    if (own) await this.attach(rows.engine);
    try {
      const result = await this.#write(rows.engine, 'load', epoch, {
        input: { sql: rows.sql, ...(rows.pieces ? { pieces: rows.pieces } : {}) },
        quarantine: rows.quarantine,
        scratch: rows.engine.spool,
        memory: rows.engine.memory,
        gate: rows.gate,
      });
      await faultPoint('destination.load.after');
      return result;
    } finally {
      if (own) await this.detach(rows.engine);
    }
  }

  async stage(request: StageRequest, rows: ReadyRows): Promise<StageToken> {
    await faultPoint('destination.stage.before');
    this.#checkNames(request.columns);
    const folder = this.#staging(this.#ctx.runId);
    const token = await stageRows(folder, request, rows, this.#ctx.use.deletes !== null);
    await faultPoint('destination.stage.after');
    return token;
  }

  async commit(epoch: EpochCommit, tokens: readonly StageToken[]): Promise<CommitResult> {
    await faultPoint('destination.commit.before');
    const parts = tokens.map((token) => String(token.data));
    const aside = tokens.flatMap((token) => (token.quarantine ? [String(token.quarantine)] : []));
    const staging = this.#staging(this.#ctx.runId);
    await mkdir(staging, { recursive: true });
    const result = await this.#withFile(false, async (db) => {
      const input: Input | null = parts.length > 0 ? { parts } : null;
      const expected = tokens.reduce((sum, token) => sum + token.rows, 0);
      return this.#write(db, 'commit', epoch, {
        input,
        quarantine: aside.length > 0 ? `SELECT * FROM read_parquet(${literalList(aside)})` : null,
        scratch: staging,
        memory: this.#budget().memory,
        gate: (written) => checkStaged(written, expected),
      });
    });
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
    return queryFile(this.#path, this.#budget(), sql);
  }

  async close(): Promise<void> {}

  async #write(
    db: Db,
    step: 'load' | 'commit',
    epoch: EpochCommit,
    work: {
      /** null: a commit without rows leaves the table alone. */
      input: Input | null;
      quarantine: string | null;
      scratch: string;
      memory: number;
      gate: ReadyRows['gate'] | undefined;
    },
  ): Promise<CommitResult> {
    this.#checkNames(epoch.columns);
    const door = this.#door(db);
    let committing = false;
    await db.run('BEGIN TRANSACTION');
    try {
      const earlier = await checkFence(door, epoch);
      if (earlier) {
        await db.run('ROLLBACK');
        return earlier;
      }
      await this.#makeOwnTables(db);
      const written = work.input
        ? await this.#writeRows(db, epoch, { ...work, input: work.input })
        : { rows_written: 0 };
      await work.gate?.(written.rows_written);
      if (work.quarantine) await db.changed(insertQuarantine(door.place, door.key, this.#ctx.runId, work.quarantine));
      await writeLedger(door, epoch);
      await writeState(door, epoch, written);
      await faultPoint(`destination.${step}.inside`);
      committing = true;
      await db.run('COMMIT');
      await faultPoint(`destination.${step}.committed`);
      return { ...written, repeated: false };
    } catch (error) {
      await db.run('ROLLBACK').catch(() => undefined);
      throw committing ? unknownOutcome(error, this.#path) : refused(error);
    }
  }

  async #writeRows(
    db: Db,
    epoch: EpochCommit,
    work: { input: Input; scratch: string; memory: number },
  ): Promise<Written> {
    const table = ident(ALIAS, this.#schema, this.#ctx.use.table);
    const existing = await this.#table(db);
    return writeRows({ db, table, existing, scratch: work.scratch, memory: work.memory }, epoch, work.input);
  }

  #withFile<T>(readOnly: boolean, work: (db: Db) => Promise<T>): Promise<T> {
    const spill = join(this.#staging(this.#ctx.runId), 'tmp');
    return withFile(this.#path, { readOnly, budget: this.#budget(), spill, context: this.#ctx }, work);
  }

  async #exists(): Promise<boolean> {
    return access(this.#path).then(
      () => true,
      () => false,
    );
  }

  #budget() {
    return this.#ctx.budget ?? DEFAULT_BUDGET;
  }

  #staging(runId: string): string {
    return stagingFolder(this.#path, this.#ctx.key, runId);
  }

  #door(db: Db): StateDoor {
    return { db, place: [ALIAS, this.#schema], key: this.#ctx.key };
  }

  async #makeOwnTables(db: Db): Promise<void> {
    await db.run(`CREATE SCHEMA IF NOT EXISTS ${ident(ALIAS, this.#schema)}`);
    for (const shape of OWN_TABLES)
      await db.run(createTable(inPlace([ALIAS, this.#schema], shape.name), shape, DUCK, 'TABLE IF NOT EXISTS'));
  }

  async #table(db: Db): Promise<Column[] | null> {
    if (!(await hasTable(db, this.#schema, this.#ctx.use.table))) {
      const view = await db.rows(
        `SELECT 1 AS found FROM duckdb_views() WHERE ${named(this.#schema, this.#ctx.use.table, 'view_name')}`,
      );
      if (view.length === 0) return null;
      throw new SluiceError(
        'destination/not-a-table',
        'config',
        `"${this.#schema}"."${this.#ctx.use.table}" is there, but is no table.`,
        { hint: 'Give the destination another `table`.' },
      );
    }
    const rows = await db.rows(
      `SELECT column_name, data_type, is_nullable FROM duckdb_columns() WHERE ${named(this.#schema, this.#ctx.use.table)} ORDER BY column_index`,
    );
    return rows.map((row) => ({
      name: String(row.column_name),
      type: fromDuckType(String(row.data_type)),
      nullable: row.is_nullable !== false,
    }));
  }

  #checkNames(columns: readonly Column[]): void {
    checkNames(
      columns.map((c) => ({ kind: 'column', name: c.name })),
      { bytes: null, fold: (name) => name.toLowerCase() },
    );
  }
}

function named(schema: string, table: string, column = 'table_name'): string {
  return `database_name = ${literal(ALIAS)} AND lower(schema_name) = lower(${literal(schema)}) AND lower(${column}) = lower(${literal(table)})`;
}

async function hasTable(db: Db, schema: string, table: string): Promise<boolean> {
  const rows = await db.rows(`SELECT 1 AS found FROM duckdb_tables() WHERE ${named(schema, table)}`);
  return rows.length > 0;
}

async function transaction<T>(db: Db, work: () => Promise<T>): Promise<T> {
  await db.run('BEGIN TRANSACTION');
  try {
    const result = await work();
    await db.run('COMMIT');
    return result;
  } catch (error) {
    await db.run('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

/** What rules of a table that others made say to the rows. */
function refused(error: unknown): unknown {
  if (error instanceof SluiceError || !(error instanceof Error)) return error;
  const [line = ''] = error.message.split('\n');
  if (!line.startsWith('Constraint Error: ')) return error;
  const hint = /NOT NULL/.test(line)
    ? RULE_HINTS.notNull
    : /unique|primary key/i.test(line)
      ? RULE_HINTS.unique
      : RULE_HINTS.rule;
  return new SluiceError('destination/bad-value', 'data', `DuckDB: ${line.replace('Constraint Error: ', '')}`, {
    hint,
    cause: error,
  });
}

function unknownOutcome(error: unknown, path: string): unknown {
  if (error instanceof SluiceError) return error;
  const cause = error instanceof Error ? error.message.split('\n')[0] : String(error);
  return new SluiceError(
    'commit/unknown',
    'transient',
    `Whether the commit to ${path} took place is not known: ${cause}`,
    { cause: error },
  );
}
