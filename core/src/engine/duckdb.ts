import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { openInstance } from '../connectors/shared/duck-instance.ts';
import { type Cell, type PlainValue, plainRows, streamRows } from '../connectors/shared/duck-rows.ts';
import type { Engine } from '../model/component.ts';
import { fromDuckType } from '../model/duck.ts';
import { literal } from '../model/sql.ts';
import type { Column } from '../model/type.ts';

export interface EngineOptions {
  /** Existing folder for this task's files; the engine spills into `<spool>/tmp`. */
  spool: string;
  threads: number;
  /** Bytes. */
  memory: number;
}

export interface OwnedEngine extends Engine {
  /** Stops the running query; it fails with an interrupt error. */
  interrupt(): void;
  /** Share of the task that is done, by the running query, 0 to 1; null: none runs, or nothing is known of it. */
  progress(): number | null;
  /** The queries from here on are the work from one share of the task to another, 0 to 1 each. */
  measure(from: number, to: number): void;
  /** Bytes that formats read by themselves. */
  readonly bytesRead: number;
  close(): void;
}

/** Opens an instance in memory with one connection. The caller closes it. */
export async function openEngine(options: EngineOptions): Promise<OwnedEngine> {
  const { instance, connection } = await openInstance(':memory:', {
    threads: options.threads,
    memory: options.memory,
    spill: `${options.spool}/tmp`,
  });
  // Without these the engine keeps no account of how far a query is.
  await connection.run('SET enable_progress_bar = true');
  await connection.run('SET enable_progress_bar_print = false');
  await connection.run('SET progress_bar_time = 0');
  return new DuckEngine(instance, connection, options);
}

class DuckEngine implements OwnedEngine {
  readonly spool: string;
  readonly threads: number;
  readonly memory: number;
  bytesRead = 0;
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;
  #interrupted = false;
  #from = 0;
  #to = 1;

  constructor(instance: DuckDBInstance, connection: DuckDBConnection, options: EngineOptions) {
    this.#instance = instance;
    this.#connection = connection;
    this.spool = options.spool;
    this.threads = options.threads;
    this.memory = options.memory;
  }

  async run(sql: string): Promise<void> {
    await this.#connection.run(sql);
  }

  async rows(sql: string): Promise<Record<string, string | number | boolean | null>[]> {
    const reader = await this.#connection.runAndReadAll(sql);
    const names = reader.deduplicatedColumnNames();
    // The driver's own objects are filled by assignment, which loses a column named `__proto__`.
    return (await plainRows(reader)).map((row) => Object.fromEntries(names.map((name, i) => [name, row[i] as Cell])));
  }

  stream(sql: string): AsyncIterable<PlainValue[][]> {
    return streamRows(this.#connection, sql, () => this.#interrupted);
  }

  async changed(sql: string): Promise<number> {
    const result = await this.#connection.run(sql);
    return result.rowsChanged;
  }

  async describe(sql: string): Promise<Column[]> {
    const rows = await this.rows(`DESCRIBE ${sql}`);
    return rows.map((row) => ({ name: String(row.column_name), type: fromDuckType(String(row.column_type)) }));
  }

  interrupt(): void {
    this.#interrupted = true;
    this.#connection.interrupt();
  }

  progress(): number | null {
    // A query that has ended leaves 100 behind.
    const { percentage } = this.#connection.progress;
    if (percentage < 0 || percentage >= 99.99) return null;
    return this.#from + (percentage / 100) * (this.#to - this.#from);
  }

  measure(from: number, to: number): void {
    this.#from = from;
    this.#to = to;
  }

  readBytes(count: number): void {
    this.bytesRead += count;
  }

  close(): void {
    this.#connection.closeSync();
    this.#instance.closeSync();
  }
}

/** Limits what later SQL on this engine can reach: its spool, the given files and folders, and nothing else. Cannot be undone. */
export async function cage(
  engine: Engine,
  reach: { files: readonly string[]; folders: readonly string[] },
): Promise<void> {
  const folders = [engine.spool, ...reach.folders].map(literal).join(', ');
  await engine.run(`SET allowed_directories = [${folders}]`);
  if (reach.files.length > 0) await engine.run(`SET allowed_paths = [${reach.files.map(literal).join(', ')}]`);
  await engine.run('SET enable_external_access = false');
  await engine.run('SET lock_configuration = true');
}
