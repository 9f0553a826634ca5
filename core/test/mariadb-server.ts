import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createConnection } from 'mysql2/promise';
import type { TestServer } from './postgres-server.ts';
import { freePort } from './processes.ts';

const PASSWORD = 'sluice-test';
const FOLDERS = ['/usr/sbin', '/usr/bin', '/usr/local/bin', '/usr/local/sbin', '/opt/homebrew/bin'];

function binary(name: string): string | null {
  return FOLDERS.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? null;
}

/** Whether this machine has what a MariaDB server is started with. */
export function hasMariaDb(): boolean {
  return binary('mariadbd') !== null && binary('mariadb-install-db') !== null;
}

/** Starts a throw-away MariaDB on a free loopback port. */
export async function startMariaDb(): Promise<TestServer> {
  const [install, server] = [binary('mariadb-install-db'), binary('mariadbd')];
  if (!install || !server) throw new Error('there is no MariaDB server on this machine (Debian: mariadb-server)');
  const folder = mkdtempSync(join(tmpdir(), `sluice-test-my-${process.pid}-`));
  const data = join(folder, 'data');
  const own = process.getuid?.() === 0 ? ['--user=root'] : [];
  const common = ['--no-defaults', `--datadir=${data}`, ...own];
  await promisify(execFile)(install, [...common, '--auth-root-authentication-method=normal', '--skip-test-db']);
  const init = join(folder, 'init.sql');
  writeFileSync(
    init,
    `CREATE USER sluice@'%' IDENTIFIED BY '${PASSWORD}';\nGRANT ALL ON *.* TO sluice@'%' WITH GRANT OPTION;\n`,
  );
  const port = await freePort();
  const child: ChildProcess = spawn(
    server,
    [
      ...common,
      `--port=${port}`,
      '--bind-address=127.0.0.1',
      `--socket=${join(folder, 's')}`,
      `--pid-file=${join(folder, 'pid')}`,
      `--init-file=${init}`,
      '--innodb-flush-log-at-trx-commit=0',
      '--innodb-buffer-pool-size=64M',
    ],
    { cwd: folder, stdio: 'ignore' },
  );
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const url = `mysql://sluice:${PASSWORD}@127.0.0.1:${port}/mysql`;
  for (let tries = 0; !(await answers(url)); tries++) {
    if (child.exitCode !== null || tries > 1200) {
      child.kill('SIGKILL');
      throw new Error('the test MariaDB did not start');
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return {
    url,
    async stop() {
      child.kill('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function answers(url: string): Promise<boolean> {
  try {
    const connection = await createConnection(url);
    await connection.end();
    return true;
  } catch {
    return false;
  }
}
