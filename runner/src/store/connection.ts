import { SluiceError } from '@sluice/core';
import pg from 'pg';

/** The schema of our state; a database may hold other things beside it. */
export const SCHEMA = 'sluice';

/** A pool of connections to the state store, speaking UTC and our schema. */
export function openPool(url: string): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max: 4,
    application_name: 'sluice',
    options: `-c search_path=${SCHEMA} -c timezone=UTC`,
    connectionTimeoutMillis: 10_000,
  });
  // An idle connection that breaks is replaced at its next use; without a listener it would end the process.
  pool.on('error', () => undefined);
  return pool;
}

/** An error of the state store that names host and database, never the password. */
export function unreachable(url: string, cause: unknown): SluiceError {
  const message = cause instanceof Error ? cause.message || (cause as NodeJS.ErrnoException).code : String(cause);
  return new SluiceError(
    'store/unreachable',
    'transient',
    `The state store ${placeOf(url)} cannot be used: ${message}`,
    {
      hint: 'Check `state_store` or DATABASE_URL, and that the server is up; without either, sluice starts a server of its own.',
      cause,
    },
  );
}

function placeOf(url: string): string {
  try {
    const { hostname, port, pathname, searchParams } = new URL(url);
    return `at ${hostname || searchParams.get('host') || 'localhost'}:${port || 5432}${pathname}`;
  } catch {
    return '(its URL cannot be read)';
  }
}
