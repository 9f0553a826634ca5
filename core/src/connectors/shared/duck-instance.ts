import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';

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
