import { DuckDBInstance } from '@duckdb/node-api';
import type { Engine } from '../../model/component.ts';
import { streamRows } from './duck-rows.ts';

/** An engine for a commit, which is handed none. */
export type Scratch = Pick<Engine, 'rows' | 'stream'>;

/** Opens an engine in memory for as long as `work` runs. It spills into `spill`; the signal interrupts it. */
export async function withScratch<T>(
  options: { budget: { threads: number; memory: number }; spill: string; signal: AbortSignal },
  work: (engine: Scratch) => Promise<T>,
): Promise<T> {
  options.signal.throwIfAborted();
  const instance = await DuckDBInstance.create(':memory:', {
    threads: String(options.budget.threads),
    memory_limit: `${Math.max(1, Math.floor(options.budget.memory / 1_000_000))}MB`,
    temp_directory: options.spill,
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });
  const connection = await instance.connect();
  const interrupt = () => connection.interrupt();
  options.signal.addEventListener('abort', interrupt, { once: true });
  try {
    await connection.run("SET TimeZone = 'UTC'");
    return await work({
      rows: async (sql) => (await connection.runAndReadAll(sql)).getRowObjectsJson() as never,
      stream: (sql) => streamRows(connection, sql),
    });
  } finally {
    options.signal.removeEventListener('abort', interrupt);
    connection.closeSync();
    instance.closeSync();
  }
}
