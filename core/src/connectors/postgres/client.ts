import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { messageOf, SluiceError } from '../../model/error.ts';
import { literal } from '../../model/sql.ts';
import type { Db } from '../shared/tables.ts';
import { inTransaction } from '../shared/transaction.ts';
import { type PgAddress, showAddress } from './address.ts';
import { connectError, isLost, queryError } from './errors.ts';

/** One session of the server. Values arrive as the server prints them. */
export interface PgDb extends Db {
  readonly client: pg.Client;
  readonly address: PgAddress;
  /** Ends the session, also in the middle of a statement. */
  end(): Promise<void>;
}

const asText = { getTypeParser: () => (value: string) => value } as unknown as pg.CustomTypesConfig;

/** What a user may set otherwise: a session that hangs must not hold its locks, and one that waits must not wait for good. */
const DEFAULTS: Record<string, string> = {
  idle_in_transaction_session_timeout: '10min',
  lock_timeout: '5min',
  statement_timeout: '0',
};

/** What our SQL and the text of values rely on, whatever the server or the role is set to. */
const FIXED: Record<string, string> = {
  search_path: 'pg_catalog, public',
  standard_conforming_strings: 'on',
  TimeZone: 'UTC',
  DateStyle: 'ISO, YMD',
  bytea_output: 'hex',
  extra_float_digits: '1',
  client_min_messages: 'warning',
};

const CONNECT_TIMEOUT_MS = 15_000;

/** Opens a session. Throws destination/unreachable, destination/access-denied or destination/refused with the place and the cause. */
export async function openSession(address: PgAddress, application: string, signal: AbortSignal): Promise<PgDb> {
  signal.throwIfAborted();
  const client = await connect(address, application).catch((error) => {
    throw error instanceof SluiceError ? error : connectError(error, address);
  });
  // A session that dies while idle tells here; the next statement fails and says so.
  client.on('error', () => undefined);
  const abort = () => destroy(client);
  signal.addEventListener('abort', abort, { once: true });
  const db = session(client, address, () => signal.removeEventListener('abort', abort));
  const settings = { ...DEFAULTS, ...address.options, ...FIXED };
  const calls = Object.entries(settings).map(
    ([name, value]) => `set_config(${literal(name)}, ${literal(value)}, false)`,
  );
  try {
    await db.run(`SELECT ${calls.join(', ')}`);
  } catch (error) {
    await db.end();
    throw error;
  }
  return db;
}

async function connect(address: PgAddress, application: string): Promise<pg.Client> {
  const local = address.host.startsWith('/') || ['localhost', '127.0.0.1', '::1'].includes(address.host);
  if (address.ssl === 'disable' || (address.ssl === 'prefer' && local)) return open(address, application, false);
  const ca = address.ssl_ca === undefined ? {} : { ca: await readCertificates(address.ssl_ca) };
  const check = address.ssl === 'verify-full' || address.ssl === 'verify-ca';
  const name = address.ssl === 'verify-ca' ? { checkServerIdentity: () => undefined } : {};
  try {
    return await open(address, application, { ...ca, ...name, rejectUnauthorized: check });
  } catch (error) {
    const unsupported = error instanceof Error && /does not support SSL/.test(error.message);
    if (address.ssl === 'prefer' && unsupported) return open(address, application, false);
    throw error;
  }
}

async function readCertificates(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => {
    throw new SluiceError('destination/no-certificate', 'config', `The file of ssl_ca, ${path}, cannot be read.`);
  });
}

async function open(address: PgAddress, application: string, ssl: pg.ClientConfig['ssl']): Promise<pg.Client> {
  const { host, port, database, user, password } = address;
  const client = new pg.Client({
    host,
    port,
    database,
    user,
    // A function, because an undefined password would send the driver to look for one elsewhere.
    password: () => password ?? '',
    ssl,
    application_name: application,
    client_encoding: 'UTF8',
    keepAlive: true,
    keepAliveInitialDelayMillis: 30_000,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    types: asText,
  });
  try {
    await client.connect();
  } catch (error) {
    client.on('error', () => undefined);
    destroy(client);
    throw error;
  }
  return client;
}

/** The socket of a client; its type is not part of the driver's public interface. */
export function wire(client: pg.Client): pg.Connection {
  return (client as unknown as { connection: pg.Connection }).connection;
}

function destroy(client: pg.Client): void {
  wire(client).stream.destroy();
}

function session(client: pg.Client, address: PgAddress, release: () => void): PgDb {
  const query = (sql: string) =>
    client.query<Record<string, string | null>>(sql).catch((error) => {
      throw queryError(error, address);
    });
  return {
    client,
    address,
    async run(sql) {
      await query(sql);
    },
    async rows(sql) {
      return (await query(sql)).rows;
    },
    async changed(sql) {
      return (await query(sql)).rowCount ?? 0;
    },
    async end() {
      release();
      // An answer that never comes must not keep the caller: the socket is closed after a short while.
      const timer = setTimeout(() => destroy(client), 2000);
      await client.end().catch(() => undefined);
      clearTimeout(timer);
    },
  };
}

/**
 * Runs work in one transaction. Where the session is lost during COMMIT, throws commit/unknown: whoever opens next looks
 * at the commit id. An error before that rolls back.
 */
export function transaction<T>(db: PgDb, work: () => Promise<T>, committed?: () => Promise<void>): Promise<T> {
  const begin = 'BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED READ WRITE';
  return inTransaction(db, { begin, commit: () => commit(db) }, work, committed);
}

async function commit(db: PgDb): Promise<void> {
  try {
    const result = await db.client.query('COMMIT');
    if (result.command === 'COMMIT') return;
  } catch (error) {
    if (!isLost(error)) throw queryError(error, db.address);
    const cause = messageOf(error);
    throw new SluiceError(
      'commit/unknown',
      'transient',
      `The connection to Postgres at ${showAddress(db.address)} was lost during COMMIT; whether it took place is not known: ${cause}.`,
    );
  }
  throw new SluiceError(
    'destination/statement',
    'terminal',
    'Postgres rolled the transaction back instead of committing it.',
  );
}
