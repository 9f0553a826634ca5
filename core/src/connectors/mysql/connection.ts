import { readFile } from 'node:fs/promises';
import type { Connection, ConnectionOptions, FieldPacket, ResultSetHeader } from 'mysql2/promise';
import { ident, literal } from '../../model/sql.ts';
import type { Db } from '../shared/tables.ts';
import type { MyAddress } from './address.ts';
import { connectError, queryError } from './errors.ts';

/** One session of the server. Values arrive as text, bytes as a Buffer. */
export interface MyDb extends Db {
  readonly connection: Connection;
  readonly address: MyAddress;
  /** A statement with values bound to its `?`; the rows that it changed or found. */
  bound(sql: string, values: readonly (string | Buffer | null)[]): Promise<number>;
  /** Rows as lists, with what the server says of their columns. */
  table(sql: string): Promise<{ rows: (string | Buffer | null)[][]; fields: FieldPacket[] }>;
  end(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 15_000;

/** What a user may set otherwise. */
const DEFAULTS: Record<string, string> = { innodb_lock_wait_timeout: '300', lock_wait_timeout: '300' };

/** What our SQL and the text of values rely on: standard quotes and literals, and no value that is cut or bent to fit. */
const SQL_MODE = [
  'ANSI_QUOTES',
  'NO_BACKSLASH_ESCAPES',
  'PIPES_AS_CONCAT',
  'STRICT_ALL_TABLES',
  'NO_ZERO_DATE',
  'ERROR_FOR_DIVISION_BY_ZERO',
  'NO_ENGINE_SUBSTITUTION',
].join(',');

/** Opens a session. Throws destination/unreachable, destination/access-denied or destination/refused with the place and the cause. */
export async function openSession(address: MyAddress, signal: AbortSignal): Promise<MyDb> {
  signal.throwIfAborted();
  const connection = await connect(address).catch((error) => {
    throw connectError(error, address);
  });
  const db = watched(connection, address, signal);
  try {
    await db.run(`SET SESSION sql_mode = ${literal(SQL_MODE)}, time_zone = '+00:00'`);
    await db.run('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED');
    for (const [name, value] of Object.entries({ ...DEFAULTS, ...address.options }))
      await db.run(`SET SESSION ${ident(name)} = ${/^\d+$/.test(value) ? value : literal(value)}`);
  } catch (error) {
    await db.end();
    throw error;
  }
  return db;
}

/** A session that a relay lends: another part of this run opened it, and it is as that one left it. Throws as `openSession`. */
export async function borrowSession(path: string, address: MyAddress, signal: AbortSignal): Promise<MyDb> {
  signal.throwIfAborted();
  const connection = await open({ ...address, password: '' }, null, path).catch((error) => {
    throw connectError(error, address);
  });
  return watched(connection, address, signal);
}

function watched(connection: Connection, address: MyAddress, signal: AbortSignal): MyDb {
  // A session that dies while idle tells here; the next statement fails and says so.
  connection.on('error', () => undefined);
  const abort = () => connection.destroy();
  signal.addEventListener('abort', abort, { once: true });
  return session(connection, address, signal, () => signal.removeEventListener('abort', abort));
}

async function connect(address: MyAddress): Promise<Connection> {
  const local = address.host.startsWith('/') || ['localhost', '127.0.0.1', '::1'].includes(address.host);
  if (address.ssl === 'disable' || (address.ssl === 'prefer' && local)) return open(address, null);
  const ca = address.ssl_ca === undefined ? undefined : await readFile(address.ssl_ca, 'utf8');
  const verify = address.ssl === 'verify-ca' || address.ssl === 'verify-full';
  const ssl = {
    rejectUnauthorized: verify,
    verifyIdentity: address.ssl === 'verify-full',
    ...(ca === undefined ? {} : { ca }),
  };
  try {
    return await open(address, ssl);
  } catch (error) {
    const refused =
      error instanceof Error &&
      /secure connection|HANDSHAKE_NO_SSL_SUPPORT/.test(`${error.message}${'code' in error ? error.code : ''}`);
    if (address.ssl === 'prefer' && refused) return open(address, null);
    throw error;
  }
}

async function open(
  address: MyAddress,
  ssl: ConnectionOptions['ssl'] | null,
  path: string | null = address.host.startsWith('/') ? address.host : null,
): Promise<Connection> {
  const mysql = await import('mysql2/promise');
  return mysql.createConnection({
    ...(path === null ? { host: address.host, port: address.port } : { socketPath: path }),
    user: address.user,
    database: address.database,
    ...(address.password === undefined ? {} : { password: address.password }),
    ...(ssl ? { ssl } : {}),
    charset: 'utf8mb4',
    connectTimeout: CONNECT_TIMEOUT_MS,
    maxPreparedStatements: 20,
    // Every value as the server writes it; matched rows are counted, not only those that changed.
    typeCast: (field, next) =>
      ['BLOB', 'TINY_BLOB', 'MEDIUM_BLOB', 'LONG_BLOB', 'BIT', 'GEOMETRY'].includes(field.type)
        ? next()
        : field.string('utf8'),
    flags: ['FOUND_ROWS'],
    multipleStatements: false,
  });
}

function session(connection: Connection, address: MyAddress, signal: AbortSignal, ended: () => void): MyDb {
  const explained = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      signal.throwIfAborted();
      throw queryError(error, address);
    }
  };
  const text = (value: unknown) => (Buffer.isBuffer(value) ? value.toString('utf8') : (value as string | null));
  return {
    connection,
    address,
    async rows(sql) {
      const [rows] = await explained(connection.query(sql));
      return (rows as Record<string, unknown>[]).map((row) =>
        Object.fromEntries(Object.entries(row).map(([name, value]) => [name, text(value)])),
      );
    },
    async changed(sql) {
      const [result] = await explained(connection.query(sql));
      return (result as ResultSetHeader).affectedRows;
    },
    async run(sql) {
      await explained(connection.query(sql));
    },
    async bound(sql, values) {
      const [result] = await explained(connection.execute(sql, [...values]));
      return (result as ResultSetHeader).affectedRows;
    },
    async table(sql) {
      const [rows, fields] = await explained(connection.query({ sql, rowsAsArray: true }));
      return { rows: rows as never, fields };
    },
    async end() {
      ended();
      await connection.end().catch(() => connection.destroy());
    },
  };
}
