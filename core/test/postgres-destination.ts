import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, vi } from 'vitest';
import { postgres } from '../src/connectors/postgres/destination.ts';
import { type OwnedEngine, openEngine } from '../src/engine/duckdb.ts';
import type { DestinationSession } from '../src/model/component.ts';
import type { JsonObject } from '../src/model/json.ts';
import { columns, Driver, type SystemUnderTest } from './destination-driver.ts';
import { type TestDatabase, testDatabase } from './postgres.ts';

export const two = columns({ id: 'int', s: 'text' });
export const LOAD = { how: 'load', tasks: 1 } as const;
export const STAGE = { how: 'stage', tasks: 4 } as const;
export const WAYS = [LOAD, STAGE];

/** Three rows of `two`. */
export function three(from: number): string {
  return `SELECT (range + ${from})::INT AS id, 'v' || (range + ${from}) AS s FROM range(3)`;
}

/** What a test file of the Postgres destination works with: a database and an engine of the file, a driver of each test. */
export class Fixture {
  db!: TestDatabase;
  engine!: OwnedEngine;
  spool!: string;
  driver!: Driver;
  #count = 0;

  get system(): SystemUnderTest {
    return { destination: postgres, settings: { url: this.db.url }, schema: 'raw', select: this.db.query };
  }

  /** A driver of a table that no other test uses. */
  next(): Driver {
    return new Driver(this.system, this.engine, `x${++this.#count}`, this.spool);
  }

  /** An engine of its own, as each task has. */
  ownEngine(): Promise<OwnedEngine> {
    return openEngine({ spool: mkdtempSync(join(this.spool, 'task-')), threads: 1, memory: 200_000_000 });
  }

  sessionTo(
    settings: JsonObject,
    more: { table?: string; signal?: AbortSignal; runId?: string } = {},
  ): Promise<DestinationSession> {
    const table = more.table ?? this.driver.table;
    return postgres.connect({
      signal: more.signal ?? new AbortController().signal,
      log: () => undefined,
      key: { project: 'p', target: 't', job: 'j', stream: table },
      use: {
        type: 'postgres',
        connection: null,
        settings,
        schema: 'raw',
        table,
        write_disposition: 'append',
        primary_key: [],
        deletes: null,
        naming: 'as_is',
      },
      projectDir: this.spool,
      runId: more.runId ?? 'r',
    });
  }
}

/** Makes a fixture for the tests of the file that calls it, and takes all of it away after them. */
export function postgresFixture(): Fixture {
  const fixture = new Fixture();
  beforeAll(async () => {
    fixture.db = await testDatabase();
    await fixture.db.query('CREATE SCHEMA raw');
    fixture.spool = mkdtempSync(join(tmpdir(), 'sluice-pg-'));
    fixture.engine = await openEngine({ spool: fixture.spool, threads: 2, memory: 500_000_000 });
  });
  afterAll(async () => {
    fixture.engine.close();
    rmSync(fixture.spool, { recursive: true, force: true });
    await fixture.db.drop();
  });
  beforeEach(() => {
    fixture.driver = fixture.next();
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    expect(readdirSync(fixture.spool).filter((name) => name.startsWith('copy-'))).toEqual([]);
  });
  return fixture;
}
