import { createServer, type Server } from 'node:net';
import type { TestProject } from 'vitest/node';
import { startServer, type TestServer } from './postgres-server.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Loopback port that answers a connection with the URL of the test Postgres. */
    postgresDoor: number;
  }
}

/** One Postgres for all test files, started when the first of them asks for it: runs without it pay nothing. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  let server: Promise<TestServer> | null = null;
  const given = process.env.SLUICE_TEST_POSTGRES || process.env.DATABASE_URL;
  const door: Server = createServer((socket) => {
    socket.on('error', () => undefined);
    const start = () => {
      server ??= startServer();
      return server.then((s) => s.url);
    };
    (given ? Promise.resolve(given) : start()).then(
      (url) => socket.end(`ok ${url}`),
      (error) => socket.end(`error ${error instanceof Error ? error.stack : String(error)}`),
    );
  });
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
  const address = door.address();
  if (typeof address === 'object' && address) project.provide('postgresDoor', address.port);
  return async () => {
    door.close();
    await (await server?.catch(() => null))?.stop();
  };
}
