import { createServer } from 'node:net';
import type { TestProject } from 'vitest/node';
import { startMariaDb } from './mariadb-server.ts';
import { startServer, type TestServer } from './postgres-server.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Loopback ports that answer a connection with the URL of the test Postgres and of the test MariaDB. */
    postgresDoor: number;
    mariadbDoor: number;
  }
}

/** One server of a kind for all test files, started when the first of them asks for it: runs without it pay nothing. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { SLUICE_TEST_POSTGRES, DATABASE_URL, SLUICE_TEST_MARIADB } = process.env;
  const postgres = await openDoor(SLUICE_TEST_POSTGRES || DATABASE_URL, startServer);
  const mariadb = await openDoor(SLUICE_TEST_MARIADB, startMariaDb);
  project.provide('postgresDoor', postgres.port);
  project.provide('mariadbDoor', mariadb.port);
  return async () => {
    await Promise.all([postgres.close(), mariadb.close()]);
  };
}

/** A port that was free may be another's when the server comes to it: it is tried a few times, since every file of tests waits for it. */
async function patiently(start: () => Promise<TestServer>): Promise<TestServer> {
  for (let tries = 1; ; tries++) {
    try {
      return await start();
    } catch (error) {
      if (tries === 3) throw error;
    }
  }
}

async function openDoor(
  given: string | undefined,
  start: () => Promise<TestServer>,
): Promise<{ port: number; close(): Promise<void> }> {
  let server: Promise<TestServer> | null = null;
  const door = createServer((socket) => {
    socket.on('error', () => undefined);
    const url = () => {
      server ??= patiently(start);
      return server.then((s) => s.url);
    };
    (given ? Promise.resolve(given) : url()).then(
      (text) => socket.end(`ok ${text}`),
      (error) => socket.end(`error ${error instanceof Error ? error.stack : String(error)}`),
    );
  });
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
  const address = door.address();
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    async close() {
      door.close();
      await (await server?.catch(() => null))?.stop();
    },
  };
}
