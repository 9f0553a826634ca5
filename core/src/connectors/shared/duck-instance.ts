import { type DuckDBConnection, DuckDBInstance, DuckDBTimestampTZValue } from '@duckdb/node-api';

// The driver writes instants on the clock of the machine, whatever the session's zone.
DuckDBTimestampTZValue.timezoneOffsetInMinutes = 0;

export interface InstanceOptions {
  threads: number;
  /** Bytes. */
  memory: number;
  /** Folder that queries may spill into; made when it is needed. */
  spill?: string;
  readOnly?: boolean;
}

/**
 * Opens a DuckDB file, or `:memory:`, with one connection. Nothing is ever downloaded, and sessions run in UTC, so that no
 * answer depends on the machine's zone. The caller closes both. Throws DuckDB's own error where the file cannot be opened.
 */
export async function openInstance(
  path: string,
  options: InstanceOptions,
): Promise<{ instance: DuckDBInstance; connection: DuckDBConnection }> {
  const instance = await DuckDBInstance.create(path, {
    threads: String(options.threads),
    memory_limit: `${Math.max(1, Math.floor(options.memory / 1_000_000))}MB`,
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    ...(options.spill === undefined ? {} : { temp_directory: options.spill }),
    ...(options.readOnly ? { access_mode: 'READ_ONLY' } : {}),
  });
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  return { instance, connection };
}

/** From here on the session reaches no file, network or extension beyond what was allowed before, and nothing can change that. */
export async function closeAccess(connection: DuckDBConnection): Promise<void> {
  await connection.run('SET enable_external_access = false');
  await connection.run('SET lock_configuration = true');
}

/** An instance in memory for one piece of work, with a folder for its files. */
export interface LocalEngine {
  rows(sql: string): Promise<Record<string, string | number | boolean | null>[]>;
  readonly folder: string;
  readonly signal: AbortSignal;
}

/** Opens an instance in memory for as long as `work` runs; the signal interrupts it. `folder` has to be there. */
export async function withLocalEngine<T>(
  options: { threads: number; memory: number; folder: string; signal: AbortSignal },
  work: (engine: LocalEngine) => Promise<T>,
): Promise<T> {
  const { folder, signal } = options;
  signal.throwIfAborted();
  const { instance, connection } = await openInstance(':memory:', { ...options, spill: `${folder}/tmp` });
  const interrupt = () => connection.interrupt();
  signal.addEventListener('abort', interrupt, { once: true });
  try {
    const rows = async (sql: string) => (await connection.runAndReadAll(sql)).getRowObjectsJson() as never;
    return await work({ rows, folder, signal });
  } finally {
    signal.removeEventListener('abort', interrupt);
    connection.closeSync();
    instance.closeSync();
  }
}
