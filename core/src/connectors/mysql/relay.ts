import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isRunning } from '../../model/process.ts';
import type { MyDb } from './connection.ts';

/**
 * Lends open sessions of the server to whoever connects to a socket of this machine, one each: what they say goes through as it
 * is. The tasks of a run, threads of their own, so read in transactions that were begun for them.
 */
export interface Relay {
  /** Path of the socket, in a folder that this user alone may enter. */
  path: string;
  close(): Promise<void>;
}

/** What the driver knows of a session, as far as it matters here. */
interface Core {
  stream: Socket;
  _handshakePacket: {
    serverVersion: string;
    connectionId: number;
    capabilityFlags: number;
    characterSet: number;
    mariadbExtendedCapabilityFlags?: number;
  };
}

const PREFIX = 'sluice-mysql-';

/** Folders of processes that were killed. */
async function removeStale(): Promise<void> {
  for (const name of await readdir(tmpdir()).catch(() => [])) {
    const pid = name.startsWith(PREFIX) ? Number(/^(\d+)-/.exec(name.slice(PREFIX.length))?.[1]) : Number.NaN;
    if (!Number.isInteger(pid) || isRunning(pid)) continue;
    // Another user's stays.
    await rm(join(tmpdir(), name), { recursive: true, force: true }).catch(() => undefined);
  }
}

/** Opens a relay over sessions that rest. They belong to it from now on. */
export async function openRelay(sessions: readonly MyDb[]): Promise<Relay> {
  await removeStale();
  const folder = await mkdtemp(join(tmpdir(), `${PREFIX}${process.pid}-`));
  const path = process.platform === 'win32' ? `\\\\.\\pipe\\sluice-${randomUUID()}` : join(folder, 's');
  const free = sessions.map((db) => (db.connection as unknown as { connection: Core }).connection);
  const waiting: Socket[] = [];
  const clients = new Set<Socket>();
  let alive = free.length;
  const next = (): void => {
    const [core, client] = [free.at(-1), waiting[0]];
    if (core && client) lend(free.pop() ?? core, waiting.shift() ?? client, back);
    else if (alive === 0) for (const socket of waiting.splice(0)) socket.destroy();
  };
  const back = (core: Core, whole: boolean): void => {
    if (whole) free.push(core);
    else alive--;
    next();
  };
  // The driver does not read along.
  for (const { stream } of free) stream.removeAllListeners('data');
  const server = createServer((client) => {
    clients.add(client);
    client.on('error', () => client.destroy());
    client.on('close', () => clients.delete(client));
    waiting.push(client);
    next();
  });
  await listen(server, path);
  return {
    path,
    async close() {
      for (const client of clients) client.destroy();
      await new Promise((resolve) => server.close(resolve));
      for (const db of sessions) db.connection.destroy();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
}

/** Lends a session until the other side ends. It comes back whole where that side said good-bye, or never asked anything. */
function lend(core: Core, client: Socket, back: (core: Core, whole: boolean) => void): void {
  const { stream } = core;
  let state: 'greeted' | 'rests' | 'asked' | 'left' = 'greeted';
  const answer = (chunk: Buffer) => {
    if (!client.write(chunk)) stream.pause();
  };
  const drained = () => stream.resume();
  const lost = () => client.destroy();
  const end = () => {
    stream.off('data', answer);
    stream.off('close', lost);
    const whole = state !== 'asked' && !stream.destroyed;
    if (!whole) stream.destroy();
    back(core, whole);
  };
  if (stream.destroyed) {
    client.destroy();
    back(core, false);
    return;
  }
  stream.on('data', answer);
  stream.on('close', lost);
  client.on('drain', drained);
  client.once('close', end);
  const packets = packetsOf((packet) => {
    if (state === 'greeted') {
      state = 'rests';
      client.write(OK);
    } else if (packet.length === HEADER + 1 && packet[HEADER] === QUIT) {
      state = 'left';
      client.end();
    } else {
      state = 'asked';
      stream.write(packet);
    }
  });
  client.on('data', packets);
  stream.resume();
  client.write(greeting(core._handshakePacket));
}

/** A packet is three bytes of length, its number, and that many bytes: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_packets.html */
const HEADER = 4;
/** COM_QUIT */
const QUIT = 1;
/** OK to the login, the second packet of the server: no rows, no id, autocommit, no warnings. */
const OK = Buffer.from([7, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0]);
/** Flags of what the way to the server alone has: encryption and compression. */
const WAY = 0x800 | 0x20 | (1 << 26);

/** Puts packets together again, whatever pieces they come in. */
function packetsOf(take: (packet: Buffer) => void): (chunk: Buffer) => void {
  let held: Buffer = Buffer.alloc(0);
  return (chunk) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    while (held.length >= HEADER && held.length >= HEADER + held.readUIntLE(0, 3)) {
      const end = HEADER + held.readUIntLE(0, 3);
      take(held.subarray(0, end));
      held = held.subarray(end);
    }
  };
}

/**
 * The first packet of a server (protocol 10), with what the session's own server can, so that both sides read answers alike. Whatever
 * password comes is taken: who reached the socket is this user.
 */
function greeting(server: Core['_handshakePacket']): Buffer {
  const flags = server.capabilityFlags & ~WAY;
  const salt = Buffer.alloc(20, 'a');
  const number = (value: number, bytes: number) => {
    const buffer = Buffer.alloc(8);
    buffer.writeUInt32LE(value >>> 0);
    return buffer.subarray(0, bytes);
  };
  const body = Buffer.concat([
    Buffer.from([10]),
    Buffer.from(`${server.serverVersion}\0`),
    number(server.connectionId, 4),
    salt.subarray(0, 8),
    Buffer.from([0]),
    number(flags & 0xffff, 2),
    number(server.characterSet, 1),
    number(2, 2),
    number(flags >>> 16, 2),
    Buffer.from([salt.length + 1]),
    Buffer.alloc(6),
    number(server.mariadbExtendedCapabilityFlags ?? 0, 4),
    salt.subarray(8),
    Buffer.from('\0mysql_native_password\0'),
  ]);
  return Buffer.concat([number(body.length, 3), Buffer.from([0]), body]);
}
