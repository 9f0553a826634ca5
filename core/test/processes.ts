import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

/** Where a system's daemons are, besides PATH. */
const FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/sbin', '/usr/bin'];

/** The full path of a program; null where the machine has none. */
export function program(name: string): string | null {
  const folders = [...(process.env.PATH ?? '').split(':'), ...FOLDERS];
  const found = folders.map((folder) => `${folder}/${name}`).find((path) => existsSync(path));
  return found ?? null;
}

/** Why tests that start a program are left out; null where they can run, or have to. */
export function missing(name: string): string | null {
  return program(name) !== null || process.env.SLUICE_REQUIRE_SERVICES ? null : `no ${name} here`;
}

/** Ports below those that systems give to connections by themselves: one of these could be taken before its server listens. */
const [FIRST_PORT, PORTS] = [20_000, 12_000];

/** A port of the loopback that nobody listens on now. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!free) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}

export interface Started {
  stop(): Promise<void>;
}

/** Starts a program and waits for a line of its stderr. Rejects with all it said where it ends before. */
export async function start(path: string, args: readonly string[], ready: RegExp): Promise<Started> {
  const child: ChildProcess = spawn(path, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    if (!child.stderr) return reject(new Error('no output'));
    let text = '';
    const lines = createInterface({ input: child.stderr });
    lines.on('line', (line) => {
      text += `${line}\n`;
      if (ready.test(line)) resolve();
    });
    lines.on('close', () => reject(new Error(`${path} ended: ${text}`)));
  });
  return {
    stop: async () => {
      child.kill('SIGKILL');
      await gone;
    },
  };
}

/** A way to a server that a test can cut. */
export class TcpProxy {
  readonly port: number;
  /** Bytes from the server after which a connection is cut; counted down by each connection that is cut. */
  cuts: number[] = [];
  connections = 0;
  /** Bytes from the server, of all connections. */
  received = 0;
  readonly #close: () => Promise<void>;

  private constructor(port: number, close: () => Promise<void>) {
    this.port = port;
    this.#close = close;
  }

  static async start(target: number): Promise<TcpProxy> {
    const sockets = new Set<Socket>();
    const server = createServer((client) => {
      proxy.connections++;
      const most = proxy.cuts.shift() ?? Number.POSITIVE_INFINITY;
      const upstream = connect(target, '127.0.0.1');
      for (const socket of [client, upstream]) {
        sockets.add(socket);
        socket.on('error', () => undefined);
      }
      let sent = 0;
      upstream.on('data', (chunk) => {
        sent += chunk.length;
        proxy.received += chunk.length;
        if (sent <= most) client.write(chunk);
        else {
          client.resetAndDestroy();
          upstream.destroy();
        }
      });
      client.on('data', (chunk) => upstream.write(chunk));
      client.on('close', () => upstream.destroy());
      upstream.on('close', () => client.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const proxy = new TcpProxy(port, async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    });
    return proxy;
  }

  stop(): Promise<void> {
    return this.#close();
  }
}

/** Waits until somebody listens on a port of the loopback. Rejects with what `ended` says where that comes first. */
export async function listens(port: number, ended: Promise<Error>): Promise<void> {
  let over: Error | null = null;
  ended.then((error) => {
    over = error;
  });
  for (;;) {
    if (over) throw over;
    const reached = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      });
      socket.on('error', () => setTimeout(resolve, 20, false));
    });
    if (reached) return;
  }
}
