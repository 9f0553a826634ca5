import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type Database from 'better-sqlite3';
import { SluiceError } from '../../model/error.ts';
import { RULE_HINTS } from '../shared/errors.ts';
import type { Db } from '../shared/tables.ts';

/** One connection to the file. Values arrive as SQLite gives them; whole numbers as text where JavaScript would round them. */
export interface SqliteDb extends Db {
  readonly handle: Database.Database;
}

/** Milliseconds for which another program may hold the file. */
const PATIENCE_MS = 60_000;

/** Opens the file for one piece of work. Throws destination/locked, destination/not-a-database, destination/unreachable. */
export async function withSqlite<T>(
  path: string,
  options: { readOnly: boolean; memory: number; signal: AbortSignal },
  work: (db: SqliteDb) => Promise<T>,
): Promise<T> {
  options.signal.throwIfAborted();
  const { default: Sqlite } = await import('better-sqlite3');
  if (!options.readOnly) await mkdir(dirname(path), { recursive: true });
  let handle: Database.Database;
  try {
    handle = new Sqlite(path, { readonly: options.readOnly, fileMustExist: options.readOnly, timeout: 200 });
  } catch (error) {
    throw explain(error, path);
  }
  try {
    handle.defaultSafeIntegers(true);
    await patient(options.signal, () => {
      handle.pragma('synchronous = FULL');
      handle.pragma(`cache_size = -${Math.max(2000, Math.floor(options.memory / 4096))}`);
      handle.pragma('temp_store = FILE');
      // Reads the file's head, which tells whether it is a database.
      handle.pragma('schema_version');
    });
    return await work(toDb(handle));
  } catch (error) {
    throw explain(error, path);
  } finally {
    handle.close();
  }
}

function toDb(handle: Database.Database): SqliteDb {
  return {
    handle,
    async rows(sql) {
      return (handle.prepare(sql).all() as Record<string, unknown>[]).map((row) =>
        Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(value)])),
      );
    },
    async changed(sql) {
      return handle.prepare(sql).run().changes;
    },
    async run(sql) {
      handle.exec(sql);
    },
  };
}

function plain(value: unknown): string | number | null {
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return value as string | number | null;
}

/** Waits for the right to write, then works in one transaction; `committed` runs once it has ended well. */
export async function transaction<T>(
  db: SqliteDb,
  signal: AbortSignal,
  work: () => Promise<T>,
  committed: () => Promise<void> = async () => undefined,
): Promise<T> {
  await patient(signal, () => db.handle.exec('BEGIN IMMEDIATE'));
  let result: T;
  try {
    result = await work();
    signal.throwIfAborted();
    // Readers that came before hold the commit up.
    await patient(signal, () => db.handle.exec('COMMIT'));
  } catch (error) {
    if (db.handle.inTransaction) db.handle.exec('ROLLBACK');
    throw error;
  }
  await committed();
  return result;
}

/** The driver waits by sleeping the whole thread, so it is asked again and again instead of being let wait. */
async function patient(signal: AbortSignal, work: () => void): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; ; ) {
    try {
      work();
      return;
    } catch (error) {
      if (!isBusy(error) || Date.now() > end) throw error;
    }
    await pause(50, undefined, { signal });
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function isBusy(error: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED)/.test(codeOf(error));
}

const TWICE =
  'The table takes each such value once, as its collation compares them. `merge` by that key, give the column the collation BINARY, or leave doubles out with `dedupe`.';

/** Errors that rows bring about, and what to do. */
const ROW_HINTS: Readonly<Record<string, string>> = {
  SQLITE_CONSTRAINT_NOTNULL: RULE_HINTS.notNull,
  SQLITE_CONSTRAINT_UNIQUE: TWICE,
  SQLITE_CONSTRAINT_PRIMARYKEY: TWICE,
  SQLITE_CONSTRAINT_CHECK: RULE_HINTS.rule,
  SQLITE_CONSTRAINT_DATATYPE: 'The table is STRICT and its column of another type: declare that type under `columns`.',
  SQLITE_CONSTRAINT_FOREIGNKEY: RULE_HINTS.foreignKey,
};

/** SQLite's errors in our words; any other error stays as it is. */
export function explain(error: unknown, path: string): unknown {
  const code = codeOf(error);
  if (error instanceof SluiceError || !(error instanceof Error)) return error;
  const made = (name: string, kind: 'config' | 'transient', text: string, hint: string) =>
    new SluiceError(`destination/${name}`, kind, text, { hint, cause: error });
  if (isBusy(error))
    return made(
      'locked',
      'transient',
      `The SQLite file ${path} is held by another program.`,
      'Close the program that writes to the file.',
    );
  if (code === 'SQLITE_NOTADB' || code === 'SQLITE_CORRUPT')
    return made('not-a-database', 'config', `${path} is no SQLite file, or is damaged.`, 'Give `path` another file.');
  if (/^SQLITE_(CANTOPEN|READONLY|PERM|AUTH)/.test(code) || /directory does not exist/.test(error.message))
    return made(
      'unreachable',
      'config',
      `The SQLite file ${path} cannot be opened: ${error.message}`,
      'The file and its folder have to be writable for the user that runs this.',
    );
  if (/^SQLITE_(FULL|IOERR)/.test(code))
    return made('disk', 'transient', `Writing to ${path} failed: ${error.message}`, 'Make room on the disk.');
  const hint = ROW_HINTS[code];
  if (hint !== undefined)
    return new SluiceError('destination/bad-value', 'data', `SQLite: ${error.message} (${code})`, {
      hint,
      cause: error,
    });
  if (/^SQLITE_/.test(code))
    return made('refused', 'transient', `SQLite refuses: ${error.message} (${code})`, 'Look at the table’s own rules.');
  return error;
}
