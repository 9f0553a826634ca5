import { existsSync } from 'node:fs';
import pg from 'pg';
import { processExists, processPlace } from '../place.ts';
import { type Binaries, serverBinaries } from './binaries.ts';
import { pause, removeIfThere, sizeOf } from './files.ts';
import type { ServerLocation } from './folders.ts';
import {
  answer,
  PROBE,
  postmasterPid,
  readRecord,
  removeRecord,
  type ServerRecord,
  touchRecord,
  urlOf,
  writeRecord,
} from './record.ts';
import { dropStalePid, logSince, makeData, makeEndpoint, startServer, stopServer } from './server.ts';

/**
 * Entry of the process that owns the embedded server: makes its data, runs it, and stops it when nobody has been connected for
 * SLUICE_STATE_IDLE seconds (60). It outlives whoever started it; when it is killed itself, its server lives on and the next
 * user starts another supervisor, which takes over that server.
 */
const location = JSON.parse(process.argv[2] ?? '{}') as ServerLocation;
const idleMs = Number(process.env.SLUICE_STATE_IDLE || 60) * 1000;
const START_TIMEOUT_MS = 120_000;
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
  const until = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < until && !stopping) {
    dropStalePid(location);
    const from = sizeOf(location.log);
    if (await startServer(location, programs, at)) {
      return writeRecord(location, { ...at, pid: postmasterPid(location) ?? 0 });
    }
    const rival = readRecord(location);
    if (rival !== null && (await answer(urlOf(location, rival))) === 'up') break;
    // Another one is starting, or what a killed server left still holds its memory for a moment.
    if (!/lock file|shared memory/.test(logSince(location, from))) throw new Error('the server ended as it started');
    await pause(250);
  }
  if (at.socket) removeIfThere(at.socket);
  return null;
}

/** Stays until the server is gone or nobody needs it. */
async function watch(mine: ServerRecord, programs: Binaries): Promise<void> {
  const every = Math.max(100, Math.min(5000, idleMs / 4));
  let used = Date.now();
  let answered = Date.now();
  while (processExists(mine.server)) {
    const record = readRecord(location);
    if (record === null && existsSync(location.data)) writeRecord(location, { ...mine, pid: mine.server });
    else if (record === null || record.inode !== mine.inode) break;
    else if (record.supervisor !== process.pid) return;
    touchRecord(location);
    const users = await connected(urlOf(location, mine));
    const now = Date.now();
    if (users !== null) answered = now;
    if (users !== 0) used = now;
    if (stopping || now - used >= idleMs || now - answered >= SILENT_MS) break;
    await nap(every);
  }
  if (processExists(mine.server)) await stopServer(location, mine.server, programs);
  if (readRecord(location)?.supervisor === process.pid) removeRecord(location);
  if (mine.socket) removeIfThere(mine.socket);
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

/** Waits, but not once it is asked to stop. */
async function nap(ms: number): Promise<void> {
  const until = Date.now() + ms;
  while (Date.now() < until && !stopping) await pause(Math.min(100, until - Date.now()));
}

try {
  await main();
} catch (error) {
  process.stderr.write(`sluice: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
process.exit();
