import pg from 'pg';
import { startServer } from '../../core/test/postgres-server.ts';

export interface BenchPostgres {
  url: string;
  version: string;
  sql(text: string): Promise<void>;
  close(): Promise<void>;
}

/** A Postgres of the benchmark's own that syncs to disk as a real one does, or the one that SLUICE_BENCH_POSTGRES names. */
export async function openBenchPostgres(): Promise<BenchPostgres> {
  const given = process.env.SLUICE_BENCH_POSTGRES;
  const server = given
    ? { url: given, stop: async () => {} }
    : await startServer({
        fsync: 'on',
        synchronous_commit: 'on',
        full_page_writes: 'on',
        shared_buffers: '1GB',
        max_wal_size: '8GB',
      });
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  const { rows } = await client.query('SHOW server_version');
  return {
    url: server.url,
    version: String(rows[0]?.server_version ?? ''),
    sql: async (text) => {
      await client.query(text);
    },
    close: async () => {
      await client.end();
      await server.stop();
    },
  };
}
