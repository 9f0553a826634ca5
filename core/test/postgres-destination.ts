import { mkdtempSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, vi } from 'vitest';
import { postgres } from '../src/connectors/postgres/destination.ts';
import { type OwnedEngine, openEngine } from '../src/engine/duckdb.ts';
import type { DestinationSession } from '../src/model/component.ts';
import type { JsonObject } from '../src/model/json.ts';
import { DestinationFixture, prepare } from './destination-fixture.ts';
import { type TestDatabase, testDatabase } from './postgres.ts';

/** What a test file of the Postgres destination works with: a database too. */
export class Fixture extends DestinationFixture {
  db!: TestDatabase;

  constructor() {
    super(() => ({ destination: postgres, settings: { url: this.db.url }, schema: 'raw', select: this.db.query }));
  }

  /** An engine of its own, as each task has. */
  ownEngine(): Promise<OwnedEngine> {
    return openEngine({ spool: mkdtempSync(join(this.folder, 'task-')), threads: 1, memory: 200_000_000 });
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
      projectDir: this.folder,
      runId: more.runId ?? 'r',
    });
  }
}

/** Makes a fixture for the tests of the file that calls it, and takes all of it away after them. */
export function postgresFixture(): Fixture {
  const fixture = prepare(new Fixture());
  beforeAll(async () => {
    fixture.db = await testDatabase();
    await fixture.db.query('CREATE SCHEMA raw');
  });
  afterAll(() => fixture.db.drop());
  afterEach(() => {
    vi.unstubAllEnvs();
    expect(readdirSync(fixture.folder).filter((name) => name.startsWith('copy-'))).toEqual([]);
  });
  return fixture;
}
