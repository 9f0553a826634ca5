import { setMaxListeners } from 'node:events';
import { hostname } from 'node:os';
import { SluiceError } from '@sluice/core';
import pg from 'pg';
import { connectionConfig, connectionLost, unreachable } from './connection.ts';

export interface LockOptions {
  signal: AbortSignal;
  /** Who asks, shown to those that wait: `job customers`. */
  holder: string;
  /** Called when the lock is held by another, with who that is: `<host>/<pid> job customers`. */
  onWait(holder: string): void;
}

interface Turn {
  holder: string;
  /** Settles when this turn and all before it are over. */
  over: Promise<void>;
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
  readonly #turns = new Map<string, Turn>();

  constructor(url: string) {
    this.#url = url;
  }

  /**
   * Waits for the lock, runs `work`, gives the lock back. Throws `run/cancelled` where the signal ends the wait,
   * `store/unreachable` where the store fails before `work` starts.
   */
  async hold<T>(name: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
    // A run's signal is shared by all that wait in it.
    setMaxListeners(0, options.signal);
    const before = this.#turns.get(name);
    let leave: () => void = () => undefined;
    const left = new Promise<void>((resolve) => {
      leave = resolve;
    });
    const us = `${hostname()}/${process.pid} ${options.holder}`;
    const turn: Turn = { holder: us, over: before ? before.over.then(() => left) : left };
    this.#turns.set(name, turn);
    try {
      if (before) {
        options.onWait(before.holder);
        await unlessStopped(before.over, options.signal);
      }
      return await this.#holdNow(name, us, options, work);
    } finally {
      leave();
      if (this.#turns.get(name) === turn) this.#turns.delete(name);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#turns.values()].map((turn) => turn.over));
  }

  async #holdNow<T>(name: string, us: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
    const client = new pg.Client(connectionConfig(this.#url));
    // The server gives the lock back when the connection breaks; the destination's own lock and fence still hold.
    client.on('error', () => undefined);
    try {
      await this.#acquire(client, name, us, options);
      return await work();
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  async #acquire(client: pg.Client, name: string, us: string, options: LockOptions): Promise<void> {
    try {
      await client.connect();
    } catch (error) {
      throw unreachable(this.#url, error);
    }
    try {
      await client.query(`SELECT set_config('application_name', $1, false)`, [`sluice ${us}`.slice(0, 63)]);
      await acquire(client, name, options);
    } catch (error) {
      throw connectionLost(error) ? unreachable(this.#url, error) : error;
    }
  }
}

async function acquire(client: pg.Client, name: string, options: LockOptions): Promise<void> {
  for (let told = false; ; told = true) {
    if (options.signal.aborted) throw stopped();
    const { rows } = await client.query('SELECT pg_try_advisory_lock($1, hashtext($2)) AS held', [SPACE, name]);
    if (rows[0]?.held) return;
    if (!told) options.onWait(await holderOf(client, name));
    await unlessStopped(new Promise((resolve) => setTimeout(resolve, POLL_MS)), options.signal);
  }
}

/** Waits for `event`, or throws as soon as the signal says stop. */
function unlessStopped(event: Promise<unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(stopped());
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    event.finally(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    });
  });
}

function stopped(): SluiceError {
  return new SluiceError('run/cancelled', 'terminal', 'The run was stopped while it waited for a lock');
}

async function holderOf(client: pg.Client, name: string): Promise<string> {
  const { rows } = await client.query(
    `SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid)
     WHERE l.locktype = 'advisory' AND l.classid = $1 AND l.objid = (hashtext($2)::bigint & 4294967295)::oid AND l.granted
       AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    [SPACE, name],
  );
  return rows[0]?.application_name?.replace(/^sluice /, '') || 'another process';
}
