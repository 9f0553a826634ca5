import { SluiceError } from '@sluice/core';
import pg from 'pg';

/** The schema of our state; a database may hold other things beside it. */
export const SCHEMA = 'sluice';

/** A statement of the pool that takes longer waits for a server that no longer answers. */
const QUERY_TIMEOUT_MS = 60_000;

/** Without these a connection whose other end vanished keeps its advisory locks for hours. */
const KEEPALIVE = '-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3';

/** A process that is stopped in a transaction gives back what it holds before long: others wait to take over from it. */
const ABANDONED = '-c idle_in_transaction_session_timeout=5s';

/** Settings of every connection to the state store: our schema, UTC, and the URL's own options before ours. */
export function connectionConfig(url: string): pg.ClientConfig {
  const { connectionString, options } = withoutOptions(url);
  return {
    connectionString,
    application_name: 'sluice',
    options: `${options} -c search_path=${SCHEMA} -c timezone=UTC ${KEEPALIVE} ${ABANDONED}`.trim(),
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
  };
}

/** Options in a URL would take the place of ours. */
function withoutOptions(url: string): { connectionString: string; options: string } {
  try {
    const parsed = new URL(url);
    const options = parsed.searchParams.get('options');
    if (options === null) return { connectionString: url, options: '' };
    parsed.searchParams.delete('options');
    return { connectionString: parsed.href, options };
  } catch {
    return { connectionString: url, options: '' };
  }
}

/** Statements against the state store; a failed connection becomes `store/unreachable`. */
export class Database {
  readonly url: string;
  readonly #pool: pg.Pool;

  constructor(url: string) {
    this.url = url;
    // One connection stays open: the embedded server stops when nobody has been connected for a while.
    this.#pool = new pg.Pool({ ...connectionConfig(url), max: 4, min: 1, query_timeout: QUERY_TIMEOUT_MS });
    // An idle connection that breaks is replaced at its next use; without a listener it would end the process.
    this.#pool.on('error', () => undefined);
  }

  /** One with a name is planned once for each connection. */
  async query(statement: string | pg.QueryConfig, values: unknown[] = []): Promise<pg.QueryResult> {
    try {
      return await (typeof statement === 'string' ? this.#pool.query(statement, values) : this.#pool.query(statement));
    } catch (error) {
      throw this.#told(error);
    }
  }

  /** One transaction; rolled back where `work` throws. */
  async transaction<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect().catch((error) => {
      throw unreachable(this.url, error);
    });
    let broken = false;
    // A connection that ends between two statements is told of by the next one.
    const ignore = () => undefined;
    client.on('error', ignore);
    try {
      await client.query('BEGIN');
      const result = await work(client);
      await client.query('COMMIT');
      return result;
    } catch (error) {
      broken = connectionLost(error);
      if (!broken) await client.query('ROLLBACK').catch(() => undefined);
      throw this.#told(error);
    } finally {
      client.off('error', ignore);
      client.release(broken);
    }
  }

  /** Connections by what they are at; `waiting`: statements that wait for one. */
  counts(): { busy: number; idle: number; waiting: number } {
    const { totalCount, idleCount, waitingCount } = this.#pool;
    return { busy: totalCount - idleCount, idle: idleCount, waiting: waitingCount };
  }

  async end(): Promise<void> {
    await this.#pool.end();
  }

  #told(error: unknown): unknown {
    return connectionLost(error) ? unreachable(this.url, error) : error;
  }
}

/** An error of the state store that names host and database, never the password. */
export function unreachable(url: string, cause: unknown): SluiceError {
  const message = cause instanceof Error ? cause.message || codeOf(cause) : String(cause);
  // A wrong password, a missing database or a missing right: trying again does not mend it.
  const kind = /^(28|3D|3F|42501)/.test(codeOf(cause)) ? 'config' : 'transient';
  return new SluiceError(
    'store/unreachable',
    kind,
    `The state store ${placeOf(url)} cannot be used: ${message.replaceAll(url, '')}`,
    {
      hint: 'Check `state_store` or DATABASE_URL, and that the server is up; without either, sluice starts a server of its own.',
      cause,
    },
  );
}

function placeOf(url: string): string {
  try {
    const { hostname, port, pathname, searchParams } = new URL(url);
    const host = searchParams.get('host') || hostname || 'localhost';
    return `at ${host}:${searchParams.get('port') || port || 5432}${pathname}`;
  } catch {
    return '(its URL cannot be read)';
  }
}

/** Errors of the network or of a server that goes down, as opposed to errors of a statement. */
export function connectionLost(error: unknown): boolean {
  if (
    /^(08|25P03|57P0|53300|ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|ENOENT|EHOSTUNREACH|ENETUNREACH)/.test(
      codeOf(error),
    )
  )
    return true;
  return (
    error instanceof Error &&
    /Connection terminated|timeout exceeded when trying to connect|Client has encountered|read timeout/.test(
      error.message,
    )
  );
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}

/** JSON for a jsonb column, which refuses NUL and halves of surrogate pairs; null stays null. */
export function jsonb(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  const text = JSON.stringify(value);
  return /\\u0000|\\ud[89a-f]/i.test(text) ? JSON.stringify(cleaned(value)) : text;
}

/** Text as a text column can hold it. */
export function plainText(text: string): string {
  return text.replaceAll('\0', '\u{fffd}').toWellFormed();
}

function cleaned(value: unknown): unknown {
  if (typeof value === 'string') return plainText(value);
  if (Array.isArray(value)) return value.map(cleaned);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [plainText(key), cleaned(item)]));
}
