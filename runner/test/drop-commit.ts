import { createServer, connect as dial, type Socket } from 'node:net';

export interface CommitProxy {
  /** The address of the server behind, by way of this proxy. */
  url: string;
  /** Commits that were cut off. */
  dropped: number;
  close(): Promise<void>;
}

/**
 * A proxy before a Postgres server that once breaks the connection at the COMMIT of an epoch: before the server is told, or after
 * it has done it and before its answer arrives.
 */
export async function dropCommit(server: string, when: 'before' | 'after'): Promise<CommitProxy> {
  const behind = new URL(server);
  const sockets = new Set<Socket>();
  const proxy: CommitProxy = { url: '', dropped: 0, close: async () => {} };
  const listener = createServer((client) => {
    const upstream = dial(Number(behind.port), behind.hostname);
    let writesState = false;
    let cut = false;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    const breakUp = () => {
      proxy.dropped++;
      client.destroy();
      upstream.destroy();
    };
    client.on('data', (chunk) => {
      const text = chunk.toString('latin1');
      writesState ||= text.includes('seq = seq + 1');
      const commits = writesState && proxy.dropped === 0 && /Q[\s\S]{4}COMMIT\0/.test(text);
      if (commits && when === 'before') return breakUp();
      cut ||= commits;
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      if (cut) breakUp();
      else client.write(chunk);
    });
  });
  await new Promise<void>((resolve) => {
    listener.listen(0, '127.0.0.1', resolve);
  });
  const address = listener.address();
  const through = new URL(server);
  through.port = String(typeof address === 'object' ? address?.port : '');
  proxy.url = through.href;
  proxy.close = () =>
    new Promise((resolve) => {
      for (const socket of sockets) socket.destroy();
      listener.close(() => resolve());
    });
  return proxy;
}
