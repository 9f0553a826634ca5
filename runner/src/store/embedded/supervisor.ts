import { existsSync } from 'node:fs';
import pg from 'pg';
import { processExists, processPlace } from '../place.ts';
import { type Binaries, serverBinaries } from './binaries.ts';
import { pause, removeIfThere, sizeOf } from './files.ts';
import type { ServerLocation } from './folders.ts';
import {
  answer,
  PROBE,
  postmasterOf,
  readRecord,
  removeRecord,
  type ServerRecord,
  touchRecord,
  urlOf,
  writeRecord,
} from './record.ts';
import {
  dropStalePid,
  type Endpoint,
  logSince,
  makeData,
  makeEndpoint,
  removeDeadDrafts,
  startServer,
  stopServer,
} from './server.ts';

/**
 * Entry of the process that owns the embedded server: makes its data, runs it, and stops it when nobody has been connected for
 * SLUICE_STATE_IDLE seconds (60). It outlives whoever started it; when it is killed itself, its server lives on and the next
 * user starts another supervisor, which takes over that server.
 */
const location = JSON.parse(process.argv[2] ?? '{}') as ServerLocation;
const idleMs = Number(process.env.SLUICE_STATE_IDLE || 60) * 1000;
const START_TIMEOUT_MS = 120_000;
/** A server that answers so long and has no record lost its supervisor just as that was about to stop it. */
const ORPHAN_MS = 3_000;
/** A server that runs and does not answer for so long is of no use: its socket may have been swept away. */
const SILENT_MS = 30_000;

let stopping = false;
process.title = 'sluice state server';
process.on('SIGINT', () => {});
process.on('SIGHUP', () => {});
process.on('SIGTERM', () => {
  stopping = true;
});

async function main(): Promise<void> {
  const programs = await serverBinaries(location.user);
  const record = (await adopted()) ?? (await started(programs));
  if (record !== null) await watch(record, programs);
}

/** Takes over a server that has lost its supervisor. */
async function adopted(): Promise<ServerRecord | null> {
  const record = readRecord(location);
  if (record === null || record.place !== processPlace() || !processExists(record.server)) return null;
  if ((await answer(urlOf(location, record))) !== 'up') return null;
  return writeRecord(location, { ...record, pid: record.server });
}

/** Starts a server; null: another supervisor was quicker. Throws where it does not start; its log says why. */
async function started(programs: Binaries): Promise<ServerRecord | null> {
  const before = readRecord(location)?.socket;
  if (before) removeIfThere(before);
  await makeData(location, programs);
  const at = await makeEndpoint(location.user);
  const record = await startedAt(at, programs).catch((error) => {
    if (at.socket) removeIfThere(at.socket);
    throw error;
  });
  if (at.socket && record?.socket !== at.socket) removeIfThere(at.socket);
  return record;
}

async function startedAt(at: Endpoint, programs: Binaries): Promise<ServerRecord | null> {
  const begun = Date.now();
  while (Date.now() - begun < START_TIMEOUT_MS && !stopping) {
    dropStalePid(location);
    const from = sizeOf(location.log);
    if (await startServer(location, programs, at)) {
      return writeRecord(location, { ...at, pid: postmasterOf(location)?.pid ?? 0 });
    }
    const rival = readRecord(location);
    if (rival !== null && (await answer(urlOf(location, rival))) === 'up') return null;
    const orphan = Date.now() - begun > ORPHAN_MS ? postmasterOf(location) : null;
    if (orphan !== null && (await answer(urlOf(location, orphan))) === 'up') return writeRecord(location, orphan);
    // Another one is starting or stopping, or what a killed server left still holds its memory for a moment.
    if (!/lock file|shared memory/.test(logSince(location, from))) throw new Error('the server ended as it started');
    await pause(250);
  }
  return null;
}

/** Stays until the server is gone or nobody needs it. */
async function watch(mine: ServerRecord, programs: Binaries): Promise<void> {
  const url = urlOf(location, mine);
  const every = Math.max(100, Math.min(5000, idleMs / 4));
  let used = Date.now();
  let answered = Date.now();
  while (processExists(mine.server)) {
    const record = readRecord(location);
    if (record === null && existsSync(location.data)) writeRecord(location, { ...mine, pid: mine.server });
    else if (record === null || record.inode !== mine.inode) break;
    else if (record.supervisor !== process.pid) return;
    touchRecord(location);
    const users = await connected(url);
    const now = Date.now();
    if (users !== null) answered = now;
    if (users !== 0) used = now;
    if (stopping || now - answered >= SILENT_MS) break;
    if (now - used >= idleMs && (await deserted(mine, url))) break;
    await nap(every, mine.server);
  }
  if (processExists(mine.server)) await stopServer(location, mine.server, programs);
  // Before the record: once that is gone nothing is left but the data.
  removeDeadDrafts(location);
  if (readRecord(location)?.supervisor === process.pid) removeRecord(location);
  if (mine.socket) removeIfThere(mine.socket);
}

/**
 * Closes the door before it looks a last time: whoever connects looks whether the record still stands, so that no one is let
 * in and thrown out again.
 */
async function deserted(mine: ServerRecord, url: string): Promise<boolean> {
  removeRecord(location);
  if ((await connected(url)) === 0) return true;
  writeRecord(location, { ...mine, pid: mine.server });
  return false;
}

/** How many are connected; null: the server does not answer. */
async function connected(url: string): Promise<number | null> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000, application_name: PROBE });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query(
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name <> $1`,
      [PROBE],
    );
    return rows[0]?.n ?? 0;
  } catch {
    return null;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Waits, but not once it is asked to stop or the server is gone. */
async function nap(ms: number, server: number): Promise<void> {
  const until = Date.now() + ms;
  while (Date.now() < until && !stopping && processExists(server)) await pause(Math.min(200, until - Date.now()));
}

try {
  await main();
} catch (error) {
  process.stderr.write(`sluice: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
process.exit();
