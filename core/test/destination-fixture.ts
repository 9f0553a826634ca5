import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { type OwnedEngine, openEngine } from '../src/engine/duckdb.ts';
import { columns, Driver, type SystemUnderTest } from './destination-driver.ts';

export const two = columns({ id: 'int', s: 'text' });
export const LOAD = { how: 'load', tasks: 1 } as const;
export const STAGE = { how: 'stage', tasks: 4 } as const;
export const WAYS = [LOAD, STAGE];

/** Three rows of `two`. */
export function three(from: number): string {
  return `SELECT (range + ${from})::INT AS id, 'v' || (range + ${from}) AS s FROM range(3)`;
}

/** Tables of one test file: its fixtures share the system. */
let tables = 0;

/** What the tests of one destination work with: an engine for all of them, a driver of a new table for each. */
export class DestinationFixture {
  readonly #system: () => SystemUnderTest;
  engine!: OwnedEngine;
  folder!: string;
  driver!: Driver;

  constructor(system: () => SystemUnderTest) {
    this.#system = system;
  }

  get system(): SystemUnderTest {
    return this.#system();
  }

  /** A driver of a table that no other test uses. */
  next(engine = this.engine): Driver {
    return new Driver(this.system, engine, `x${++tables}`, this.folder);
  }

  /** A driver of the test's own table, in a system of other settings. */
  over(system: SystemUnderTest, table = this.driver.table): Driver {
    return new Driver(system, this.engine, table, this.folder);
  }
}

/** Makes a fixture for the tests of the block that calls it, and takes it away after them. */
export function destinationFixture(system: () => SystemUnderTest): DestinationFixture {
  return prepare(new DestinationFixture(system));
}

/** Gives a fixture its engine and drivers, for one that also has something of its own. */
export function prepare<F extends DestinationFixture>(fixture: F): F {
  beforeAll(async () => {
    fixture.folder = mkdtempSync(join(tmpdir(), 'sluice-lab-'));
    fixture.engine = await openEngine({ spool: fixture.folder, threads: 2, memory: 500_000_000 });
  });
  afterAll(() => {
    fixture.engine.close();
    rmSync(fixture.folder, { recursive: true, force: true });
  });
  beforeEach(() => {
    fixture.driver = fixture.next();
  });
  return fixture;
}

/** The rows of a query in a database of DuckDB that `before` has prepared; every value as text or null. */
export async function lookInto(
  database: string,
  sql: string,
  before: (connection: DuckDBConnection) => Promise<unknown> = async () => undefined,
): Promise<Record<string, string | null>[]> {
  const instance = await DuckDBInstance.create(database);
  const connection = await instance.connect();
  try {
    await connection.run("SET TimeZone = 'UTC'");
    await before(connection);
    const rows = (await connection.runAndReadAll(sql)).getRowObjectsJson();
    const text = (value: unknown) =>
      value === null ? null : typeof value === 'object' ? JSON.stringify(value) : String(value);
    return rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, text(value)])));
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
