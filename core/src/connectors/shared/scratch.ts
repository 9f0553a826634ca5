import type { Engine } from '../../model/component.ts';
import { openInstance } from './duck-instance.ts';
import { streamRows } from './duck-rows.ts';

/** An engine for a commit, which is handed none. */
export type Scratch = Pick<Engine, 'rows' | 'stream'>;

/** Opens an engine in memory for as long as `work` runs. It spills into `spill`; the signal interrupts it. */
export async function withScratch<T>(
  options: { budget: { threads: number; memory: number }; spill: string; signal: AbortSignal },
  work: (engine: Scratch) => Promise<T>,
): Promise<T> {
  options.signal.throwIfAborted();
  const { instance, connection } = await openInstance(':memory:', { ...options.budget, spill: options.spill });
  const interrupt = () => connection.interrupt();
  options.signal.addEventListener('abort', interrupt, { once: true });
  try {
    return await work({
      rows: async (sql) => (await connection.runAndReadAll(sql)).getRowObjectsJson() as never,
      stream: (sql) => streamRows(connection, sql, () => options.signal.aborted),
    });
  } finally {
    options.signal.removeEventListener('abort', interrupt);
    connection.closeSync();
    instance.closeSync();
  }
}
