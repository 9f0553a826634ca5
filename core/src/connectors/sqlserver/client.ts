import type { Connection, ConnectionConfiguration, Request } from 'tedious';
import { SluiceError } from '../../model/error.ts';
import { type MsAddress, showAddress } from './address.ts';

export type MsValue = string | number | boolean | Buffer | null;

/** One session of the server; one statement at a time. */
export interface MsDb {
  /** The rows of a statement with texts bound to `@p0`, `@p1` … */
  stream(sql: string, values: readonly string[]): AsyncGenerator<MsValue[]>;
  /** All rows of a small answer, by column. */
  rows(sql: string, values?: readonly string[]): Promise<Record<string, MsValue>[]>;
  /** Statements without rows, as one batch. */
  run(sql: string): Promise<void>;
  close(): void;
}

/** Rows that wait to be taken before the server is told to wait. */
const WAITING = 1000;

/** Opens a session. Throws source/unreachable, source/access-denied or source/no-encryption with the place and the cause. */
export async function openSession(address: MsAddress, signal: AbortSignal): Promise<MsDb> {
  signal.throwIfAborted();
  const tedious = await import('tedious');
  const connection = new tedious.Connection(configOf(address));
  const abort = () => connection.close();
  signal.addEventListener('abort', abort, { once: true });
  await new Promise<void>((resolve, reject) => {
    connection.connect((error) => (error ? reject(connectError(error, address)) : resolve()));
  });
  // A session that dies while idle tells here; the next statement fails and says so.
  connection.on('error', () => undefined);
  return new Session(connection, tedious, address, () => signal.removeEventListener('abort', abort));
}

export function configOf(address: MsAddress): ConnectionConfiguration {
  const { host, port, database, user, password, encrypt, trust } = address;
  return {
    server: host,
    authentication: { type: 'default', options: { userName: user, password: password ?? '' } },
    options: {
      port,
      ...(database === undefined ? {} : { database }),
      encrypt,
      trustServerCertificate: trust,
      connectTimeout: 15_000,
      requestTimeout: 0,
      appName: 'sluice',
      useUTC: true,
      readOnlyIntent: false,
    },
  };
}

type Tedious = typeof import('tedious');

class Session implements MsDb {
  readonly #connection: Connection;
  readonly #tedious: Tedious;
  readonly #address: MsAddress;
  readonly #release: () => void;

  constructor(connection: Connection, tedious: Tedious, address: MsAddress, release: () => void) {
    this.#connection = connection;
    this.#tedious = tedious;
    this.#address = address;
    this.#release = release;
  }

  async *stream(sql: string, values: readonly string[]): AsyncGenerator<MsValue[]> {
    const waiting: MsValue[][] = [];
    let ended = false;
    let failed: unknown = null;
    let wake: () => void = () => undefined;
    const request = this.#request(sql, values, (error) => {
      ended = true;
      failed = error ?? null;
      wake();
    });
    request.on('row', (columns: { value: MsValue }[]) => {
      waiting.push(columns.map(({ value }) => value));
      if (waiting.length >= WAITING) request.pause();
      wake();
    });
    this.#connection.execSql(request);
    try {
      for (;;) {
        const batch = waiting.splice(0);
        if (batch.length > 0) yield* batch;
        else if (ended) break;
        else {
          const more = new Promise<void>((resolve) => {
            wake = resolve;
          });
          request.resume();
          await more;
        }
      }
    } finally {
      if (!ended) this.#connection.cancel();
    }
    if (failed !== null) throw queryError(failed, this.#address);
  }

  async rows(sql: string, values: readonly string[] = []): Promise<Record<string, MsValue>[]> {
    const rows: Record<string, MsValue>[] = [];
    await new Promise<void>((resolve, reject) => {
      const request = this.#request(sql, values, (error) =>
        error ? reject(queryError(error, this.#address)) : resolve(),
      );
      request.on('row', (columns: { value: MsValue; metadata: { colName: string } }[]) => {
        rows.push(Object.fromEntries(columns.map(({ value, metadata }) => [metadata.colName, value])));
      });
      this.#connection.execSql(request);
    });
    return rows;
  }

  async run(sql: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const done = (error?: Error | null) => (error ? reject(queryError(error, this.#address)) : resolve());
      this.#connection.execSqlBatch(new this.#tedious.Request(sql, done));
    });
  }

  close(): void {
    this.#release();
    this.#connection.close();
  }

  #request(sql: string, values: readonly string[], done: (error?: Error | null) => void): Request {
    const request = new this.#tedious.Request(sql, done);
    for (const [i, value] of values.entries()) request.addParameter(`p${i}`, this.#tedious.TYPES.NVarChar, value);
    return request;
  }
}

function partsOf(error: unknown): { code: string; number: number; message: string } {
  const found = error as { code?: unknown; number?: unknown; message?: unknown; cause?: { code?: unknown } };
  const code = String(found.cause?.code ?? found.code ?? '');
  return { code, number: Number(found.number ?? 0), message: String(found.message ?? error) };
}

/** The original error is not attached: it may show the configuration. */
export function connectError(error: unknown, address: MsAddress): SluiceError {
  const { code, message } = partsOf(error);
  const place = showAddress(address);
  const words = address.password ? message.replaceAll(address.password, '***') : message;
  if (code === 'ELOGIN') {
    return new SluiceError('source/access-denied', 'config', `SQL Server at ${place} lets nobody in: ${words}`, {
      hint: 'Check user, password and database of the connection.',
    });
  }
  if (/certificate|TLS|SSL/i.test(`${code} ${words}`)) {
    return new SluiceError(
      'source/no-encryption',
      'config',
      `SQL Server at ${place}: no encrypted connection: ${words}`,
      {
        hint: 'Set `trust_server_certificate: true` for a certificate of its own, or `encrypt: false`.',
      },
    );
  }
  return new SluiceError('source/unreachable', 'transient', `SQL Server at ${place} cannot be reached: ${words}`, {
    hint: 'Check host and port of the connection, and that the server is up.',
  });
}

/** Numbers of the server's errors: https://learn.microsoft.com/sql/relational-databases/errors-events/database-engine-events-and-errors */
const MEANINGS: [number[], string, 'config' | 'transient' | 'data', string][] = [
  [
    [208, 911, 4060],
    'no-table',
    'config',
    'Check `table`, its schema and the database; `sluice discover` lists what is there.',
  ],
  [[229, 230, 916, 262], 'no-rights', 'config', 'Grant the user of the connection SELECT on it.'],
  [[102, 105, 156, 207, 209, 4104, 11529, 11501], 'query', 'config', 'Check `query` and `where`.'],
  [[220, 241, 242, 245, 8114, 8115, 8134], 'value', 'data', 'The query fails on a value; mend it or the value.'],
  [[1205, 1222, 3960, 3961], 'conflict', 'transient', 'Another transaction was in the way; the run is repeated.'],
];

export function queryError(error: unknown, address: MsAddress): SluiceError {
  if (error instanceof SluiceError) return error;
  const { code, number, message } = partsOf(error);
  const known = MEANINGS.find(([numbers]) => numbers.includes(number));
  if (known)
    return new SluiceError(`source/${known[1]}`, known[2], `SQL Server: ${message} (${number})`, { hint: known[3] });
  if (number === 0) {
    const place = showAddress(address);
    return new SluiceError(
      'source/connection-lost',
      'transient',
      `The connection to SQL Server at ${place} was lost: ${code || message}`,
    );
  }
  return new SluiceError('source/refused', 'terminal', `SQL Server: ${message} (${number})`);
}
