import { hostname } from 'node:os';
import { SluiceError } from '@sluice/core';
import pg from 'pg';
import { unreachable } from './connection.ts';

export interface LockOptions {
  signal: AbortSignal;
  /** Who asks, shown to those that wait: `job customers`. */
  holder: string;
  /** Called once when the lock is held by another, with who that is. */
  onWait(holder: string): void;
}

const POLL_MS = 200;
/** First number of our advisory locks, so that they meet no other program's. */
const SPACE = 735_022;

/**
 * Named locks between processes and within one: advisory locks of the state store, each on a connection of its own, so that
 * a process that dies gives them back.
 */
export class LockTable {
  readonly #url: string;
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(url: string) {
    this.#url = url;
  }

  /** Waits for the lock, runs `work`, gives the lock back. Throws `run/cancelled` where the signal ends the wait. */
  async hold<T>(name: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(name) ?? Promise.resolve();
    const turn = before.then(() => this.#holdNow(name, options, work));
    const settled = turn.catch(() => undefined);
    this.#turns.set(name, settled);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(name) === settled) this.#turns.delete(name);
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#turns.values());
  }

  async #holdNow<T>(name: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
    const application_name = `sluice ${hostname()}/${process.pid} ${options.holder}`.slice(0, 63);
    const client = new pg.Client({ connectionString: this.#url, application_name });
    // The server gives the lock back when the connection breaks; the destination's own lock and fence still hold.
    client.on('error', () => undefined);
    try {
      await client.connect().catch((error) => {
        throw unreachable(this.#url, error);
      });
      await acquire(client, name, options);
      return await work();
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

async function acquire(client: pg.Client, name: string, options: LockOptions): Promise<void> {
  let told = false;
  for (;;) {
    const { rows } = await client.query('SELECT pg_try_advisory_lock($1, hashtext($2)) AS held', [SPACE, name]);
    if (rows[0]?.held) return;
    if (!told) {
      told = true;
      options.onWait(await holderOf(client, name));
    }
    await pause(options.signal);
  }
}

function pause(signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new SluiceError('run/cancelled', 'terminal', 'The run was stopped while it waited for a lock'));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, POLL_MS);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}

async function holderOf(client: pg.Client, name: string): Promise<string> {
  const { rows } = await client.query(
    `SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid)
     WHERE l.locktype = 'advisory' AND l.classid = $1 AND l.objid = (hashtext($2)::bigint & 4294967295)::oid AND l.granted`,
    [SPACE, name],
  );
  return rows[0]?.application_name?.replace(/^sluice /, '') ?? 'another process';
}
