import type { OwnedEngine } from '../src/engine/duckdb.ts';
import type {
  Addresses,
  Destination,
  DestinationSession,
  EpochCommit,
  Opened,
  ReadyRows,
  StageToken,
} from '../src/model/component.ts';
import type { DestinationUse, WriteDisposition } from '../src/model/job.ts';
import type { JsonObject } from '../src/model/json.ts';
import { type Column, parseType } from '../src/model/type.ts';

/** One system under the suite: where it is, and a way to look into it that is not the code under test. */
export interface SystemUnderTest {
  destination: Destination;
  settings: JsonObject | ((table: string) => JsonObject);
  schema: string;
  /** Runs SQL in the system and returns its rows; every value as text or null. */
  select(sql: string): Promise<Record<string, string | null>[]>;
}

export const ADDRESSES: Addresses = { source: 'a1', incremental: 'b1', destination: 'c1' };

export function columns(text: Record<string, string>): Column[] {
  return Object.entries(text).map(([name, type]) => ({ name, type: parseType(type) ?? { kind: 'text' } }));
}

/** Drives sessions of one table as the executor does. */
export class Driver {
  readonly engine: OwnedEngine;
  readonly system: SystemUnderTest;
  readonly table: string;
  readonly projectDir: string;
  use: Partial<DestinationUse> = {};
  job = 'orders_job';
  #runs = 0;

  constructor(system: SystemUnderTest, engine: OwnedEngine, table: string, projectDir: string) {
    this.system = system;
    this.engine = engine;
    this.table = table;
    this.projectDir = projectDir;
  }

  connect(runId: string): Promise<DestinationSession> {
    const { settings } = this.system;
    return this.system.destination.connect({
      signal: new AbortController().signal,
      log: () => undefined,
      key: { project: 'p', target: 't', job: this.job, stream: this.table },
      use: {
        type: 'x',
        connection: null,
        settings: typeof settings === 'function' ? settings(this.table) : settings,
        schema: this.system.schema,
        table: this.table,
        write_disposition: 'append',
        primary_key: [],
        deletes: null,
        naming: 'as_is',
        ...this.use,
      },
      projectDir: this.projectDir,
      runId,
      budget: { threads: 2, memory: 500_000_000 },
    });
  }

  epoch(runId: string, opened: Opened, cols: Column[], more: Partial<EpochCommit> = {}): EpochCommit {
    return {
      commitId: `${runId}/${this.table}/0`,
      epoch: 0,
      fence: opened.fence,
      baseSeq: opened.seq,
      checkpoint: { cursor: 'x' },
      addresses: ADDRESSES,
      files: [],
      forgetLedger: false,
      columns: cols,
      addColumns: [],
      alterColumns: [],
      disposition: 'append',
      primaryKey: [],
      deletes: null,
      ...more,
    };
  }

  rows(sql: string, cols: Column[], quarantine: string | null = null): ReadyRows {
    return { engine: this.engine, sql, columns: cols, quarantine };
  }

  /** A whole epoch by `load` (1 task) or by `stage` and `commit` (several; task i takes every n-th row of `id`). */
  async run(
    way: Way,
    sql: string,
    cols: Column[],
    options: { disposition?: WriteDisposition; more?: Partial<EpochCommit>; quarantine?: string } = {},
  ) {
    const disposition = options.disposition ?? 'append';
    const runId = `run-${++this.#runs}`;
    this.use = { ...this.use, write_disposition: disposition };
    if (options.more?.deletes) this.use.deletes = { when: 'x', mode: options.more.deletes };
    const session = await this.connect(runId);
    try {
      const opened = await session.open(ADDRESSES, []);
      const epoch = this.epoch(runId, opened, cols, { ...options.more, disposition });
      if (way.tasks === 1 && way.how === 'load')
        return await session.load(epoch, this.rows(sql, cols, options.quarantine ?? null));
      const tokens: StageToken[] = [];
      for (let task = 0; task < way.tasks; task++) {
        const part = `SELECT * FROM (${sql}) AS s WHERE id % ${way.tasks} = ${task}`;
        const request = { epoch: 0, task, attempt: 1, columns: cols, disposition };
        tokens.push(
          await session.stage(request, this.rows(part, cols, task === 0 ? (options.quarantine ?? null) : null)),
        );
      }
      const result = await session.commit(epoch, JSON.parse(JSON.stringify(tokens)) as StageToken[]);
      await session.abort(runId);
      return result;
    } finally {
      await session.close();
    }
  }

  select(what = '*', rest = 'ORDER BY 1') {
    return this.system.select(`SELECT ${what} FROM "${this.system.schema}"."${this.table}" ${rest}`);
  }
}

export interface Way {
  how: 'load' | 'stage';
  tasks: number;
}
