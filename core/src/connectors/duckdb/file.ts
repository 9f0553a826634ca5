import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Context, TaskLog } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import { ident, literal } from '../../model/sql.ts';
import { openInstance } from '../shared/duck-instance.ts';
import type { Db } from '../shared/tables.ts';

/** The name that the warehouse has inside an engine, the same wherever its tables are named. */
export const ALIAS = '_sluice_warehouse';

export interface Budget {
  threads: number;
  memory: number;
}

export interface FileDb extends Db {
  readonly connection: DuckDBConnection;
}

/** Statements that make the warehouse's tables reachable on an engine. */
export function attachSql(path: string, readOnly: boolean): string {
  return `ATTACH ${literal(path)} AS ${ident(ALIAS)}${readOnly ? ' (READ_ONLY)' : ''}`;
}

export interface FileOptions {
  readOnly: boolean;
  budget: Budget;
  /** Folder that queries may spill into; made when it is needed. */
  spill: string;
  /** Its signal interrupts the work. */
  context: Context;
}

const turns = new Map<string, Promise<unknown>>();

/**
 * Opens the file for one piece of work and closes it again. Work on one file takes turns within this thread; between
 * processes the caller's lock arbitrates. Throws destination/locked where another process holds the file.
 */
export function withFile<T>(path: string, options: FileOptions, work: (db: FileDb) => Promise<T>): Promise<T> {
  const before = turns.get(path) ?? Promise.resolve();
  const turn = before.then(() => openAndWork(path, options, work));
  const settled = turn.catch(() => undefined);
  turns.set(path, settled);
  void settled.then(() => {
    if (turns.get(path) === settled) turns.delete(path);
  });
  return turn;
}

async function openAndWork<T>(path: string, options: FileOptions, work: (db: FileDb) => Promise<T>): Promise<T> {
  options.context.signal.throwIfAborted();
  if (!options.readOnly) await mkdir(dirname(path), { recursive: true });
  const { instance, connection } = await openInstance(':memory:', { ...options.budget, spill: options.spill });
  const db = fileDb(connection);
  const interrupt = () => connection.interrupt();
  options.context.signal.addEventListener('abort', interrupt, { once: true });
  try {
    await db.run(attachSql(path, options.readOnly)).catch((error) => {
      throw explainOpen(error, path);
    });
    const result = await work(db);
    await detach(db, path, options.context.log);
    return result;
  } finally {
    options.context.signal.removeEventListener('abort', interrupt);
    connection.closeSync();
    instance.closeSync();
  }
}

/**
 * Lets go of the file. DuckDB folds its log into the file then; where that fails, for want of memory or disk, what was
 * committed is still in the log beside the file and the next opener folds it in: it is said, and is no failure of the work.
 */
export async function detach(db: Pick<Db, 'run'>, path: string, log: TaskLog): Promise<void> {
  await db.run(`DETACH ${ident(ALIAS)}`).catch((error) => {
    log('warn', `DuckDB could not fold its log into ${path}; the next run tries again: ${reason(error as Error)}`);
  });
}

function fileDb(connection: DuckDBConnection): FileDb {
  return {
    connection,
    async run(sql) {
      await connection.run(sql);
    },
    async rows(sql) {
      const reader = await connection.runAndReadAll(sql);
      return reader.getRowObjectsJson() as Record<string, string | number | boolean | null>[];
    },
    async changed(sql) {
      return (await connection.run(sql)).rowsChanged;
    },
  };
}

/** Turns DuckDB's words about a file that it cannot open into ours; any other error stays as it is. */
export function explainOpen(error: unknown, path: string): unknown {
  if (!(error instanceof Error)) return error;
  if (/could not set lock|conflicting lock/i.test(error.message)) {
    // Such as: Conflicting lock is held in /usr/bin/node (PID 12) by user root.
    const holder = /held in (.*?) ?\(PID (\d+)\)(?: by user ([^\s.]+))?/i.exec(error.message);
    const [, program, pid, user] = holder ?? [];
    const owner = user === undefined ? '' : ` of ${user}`;
    const who = holder ? ` by process ${pid}${owner} (${program})` : '';
    return new SluiceError('destination/locked', 'transient', `The DuckDB file ${path} is held open${who}.`, {
      hint: 'Close the program that has the file open; one process at a time can hold it.',
    });
  }
  if (/not a valid duckdb database|serialization|storage version/i.test(error.message))
    return new SluiceError(
      'destination/not-a-database',
      'config',
      `${path} is no DuckDB file that this version reads.`,
      {
        hint: 'Give `path` another file, or move this one away.',
      },
    );
  if (/permission denied|read-only file system|cannot open file/i.test(error.message))
    return new SluiceError(
      'destination/unreachable',
      'config',
      `The DuckDB file ${path} cannot be opened: ${reason(error)}`,
      {
        hint: 'The folder has to exist or be makeable, and the file be writable, for the user that runs this.',
      },
    );
  return error;
}

function reason(error: Error): string {
  return error.message.split('\n')[0]?.trim() ?? '';
}
