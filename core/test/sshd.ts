import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort, program, start } from './processes.ts';

const run = promisify(execFile);

export interface SshServer {
  port: number;
  user: string;
  /** Folder of keys and of the files that are served. */
  dir: string;
  fingerprint: string;
  /** Makes a key pair that may log in; gives the private key's path. */
  key(name: string, ...options: string[]): Promise<string>;
  /** Makes a user who logs in with a password; null where this process may not make one. */
  passwordUser(password: string): Promise<string | null>;
  stop(): Promise<void>;
}

/** An OpenSSH server on a free port of the loopback that serves files by SFTP to this process's user. */
export async function startSshd(): Promise<SshServer> {
  const dir = await realpath(await mkdtemp(join(tmpdir(), 'sluice-sshd-')));
  const keygen = (...args: string[]) => run(program('ssh-keygen') ?? 'ssh-keygen', args);
  const host = join(dir, 'host');
  await keygen('-q', '-t', 'ed25519', '-N', '', '-f', host);
  await writeFile(join(dir, 'authorized'), '');
  if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true });
  const port = await freePort();
  const lines = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${host}`,
    `AuthorizedKeysFile ${dir}/authorized`,
    'PidFile none',
    'UsePAM no',
    'StrictModes no',
    // Users are what `passwordUser` makes, and they are gone afterwards.
    'PasswordAuthentication yes',
    'PermitRootLogin yes',
    // Clients that are killed while they log in count as waiting; beyond ten it turns others away by chance.
    'MaxStartups 1000',
    'Subsystem sftp internal-sftp',
  ];
  const begin = async (more: string[]) => {
    await writeFile(join(dir, 'config'), `${[...lines, ...more].join('\n')}\n`);
    return start(program('sshd') ?? 'sshd', ['-D', '-e', '-f', join(dir, 'config')], /Server listening/);
  };
  // Newer versions turn away who fails often; older ones do not know the word.
  const server = await begin(['PerSourcePenalties no']).catch(() => begin([]));
  const { stdout } = await keygen('-l', '-f', `${host}.pub`);
  const allowed: string[] = [];
  const users: string[] = [];
  return {
    port,
    user: userInfo().username,
    dir,
    fingerprint: stdout.split(' ')[1] ?? '',
    key: async (name, ...options) => {
      const path = join(dir, name);
      await keygen('-q', '-f', path, ...options);
      allowed.push(await readFile(`${path}.pub`, 'utf8'));
      await writeFile(join(dir, 'authorized'), allowed.join(''));
      return path;
    },
    passwordUser: async (password) => {
      const useradd = program('useradd');
      if (process.getuid?.() !== 0 || useradd === null) return null;
      const user = `sluice${process.pid}x${users.length}`;
      const hash = await run(program('openssl') ?? 'openssl', ['passwd', '-6', password]);
      await run(useradd, ['-M', '-d', dir, '-s', '/bin/sh', '-p', hash.stdout.trim(), user]);
      users.push(user);
      return user;
    },
    stop: async () => {
      await server.stop();
      for (const user of users) await run(program('userdel') ?? 'userdel', [user]);
      await rm(dir, { recursive: true, force: true });
    },
  };
}
