import { chownSync, readFileSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { processExists, processPlace } from '../place.ts';
import { changedAt, readIfThere, removeIfThere } from './files.ts';
import { runsAsRoot, type ServerLocation } from './folders.ts';

/** Superuser and only role of the embedded server. */
export const SERVER_USER = 'sluice';

/** A supervisor that has not touched its record for so long is gone or stopped. */
const FRESH_MS = 20_000;

/**
 * What a supervisor writes once its server answers, for those that want to connect. Its time of change is the supervisor's
 * sign of life.
 */
export interface ServerRecord {
  host: string;
  /** See `processPlace`: elsewhere the two pids and the socket mean nothing. */
  place: string;
  supervisor: number;
  server: number;
  /** Folder of the socket; null where the server listens on loopback TCP (Windows). */
  socket: string | null;
  port: number;
  /** Inode of the data, so that a copied project does not take the original's server for its own. */
  inode: string;
}

/** The record of a folder, if it speaks of the data beside it. */
export function readRecord(location: ServerLocation): ServerRecord | null {
  try {
    const record = JSON.parse(readFileSync(recordFile(location), 'utf8')) as ServerRecord;
    return record.inode === inodeOf(location.data) ? record : null;
  } catch {
    return null;
  }
}

export function writeRecord(
  location: ServerLocation,
  server: { pid: number; socket: string | null; port: number },
): ServerRecord {
  const record: ServerRecord = {
    host: hostname(),
    place: processPlace(),
    supervisor: process.pid,
    server: server.pid,
    socket: server.socket,
    port: server.port,
    inode: inodeOf(location.data),
  };
  const file = recordFile(location);
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(record), { mode: 0o644 });
  giveToOwner(draft, location);
  renameSync(draft, file);
  return record;
}

export function removeRecord(location: ServerLocation): void {
  removeIfThere(recordFile(location));
}

/** Gives the record a new sign of life. One that was taken away is found missing at the next look. */
export function touchRecord(location: ServerLocation): void {
  const now = new Date();
  try {
    utimesSync(recordFile(location), now, now);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** When the record last got a sign of life; null: there is none. */
export function lastSign(location: ServerLocation): number | null {
  return changedAt(recordFile(location));
}

export function isFresh(location: ServerLocation): boolean {
  const at = lastSign(location);
  return at !== null && Math.abs(Date.now() - at) < FRESH_MS;
}

/** Whether the supervisor that wrote the record still does its work. */
export function isSupervised(location: ServerLocation, record: ServerRecord): boolean {
  return record.place === processPlace() && processExists(record.supervisor) && isFresh(location);
}

export function urlOf(location: ServerLocation, at: { socket: string | null; port: number }): string {
  const login = `${SERVER_USER}:${readPassword(location)}`;
  const host = at.socket === null ? `127.0.0.1:${at.port}` : 'localhost';
  const query = at.socket === null ? '' : `?host=${encodeURIComponent(at.socket)}&port=${at.port}`;
  return `postgres://${login}@${host}/postgres${query}`;
}

export function readPassword(location: ServerLocation): string {
  return readFileSync(passwordFile(location), 'utf8').trim();
}

export function passwordFile(location: ServerLocation): string {
  return join(location.folder, 'password');
}

/** `up`, `refused` (it answers, but does not let us in) or `silent`. */
export async function answer(url: string): Promise<'up' | 'refused' | 'silent'> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 5000,
    application_name: PROBE,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return 'up';
  } catch (error) {
    return (error as { code?: string }).code === '28P01' ? 'refused' : 'silent';
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Connections of this name are not users of the server. */
export const PROBE = 'sluice probe';

/** The postmaster that holds the data and where it listens, as it wrote that down itself; null: none does. */
export function postmasterOf(location: ServerLocation): { pid: number; socket: string | null; port: number } | null {
  const [pid, , , port, socket] = (readIfThere(join(location.data, 'postmaster.pid')) ?? '').split('\n');
  const found = { pid: Number(pid), socket: socket || null, port: Number(port) };
  return Number.isInteger(found.pid) && found.pid > 0 ? found : null;
}

/** What root makes in another user's folder belongs to that user. */
export function giveToOwner(path: string, location: ServerLocation): void {
  if (!runsAsRoot()) return;
  const { uid, gid } = statSync(location.folder);
  chownSync(path, uid, gid);
}

function recordFile(location: ServerLocation): string {
  return join(location.folder, 'server.json');
}

function inodeOf(path: string): string {
  return String(statSync(path, { bigint: true }).ino);
}
