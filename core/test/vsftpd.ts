import { spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, listens, program } from './processes.ts';

export interface FtpServer {
  port: number;
  /** Folder of the files that are served. */
  files: string;
  stop(): Promise<void>;
}

/**
 * A vsftpd on a free port of the loopback that serves a folder to `anonymous`, with a certificate where TLS is asked for. `writable`:
 * that user may delete, rename and make folders below folders that let everybody; the root itself may not.
 */
export async function startVsftpd(
  tls?: { kind: 'explicit' | 'implicit'; certificate: string; key: string } | null,
  writable = false,
): Promise<FtpServer> {
  const dir = await realpath(await mkdtemp(join(tmpdir(), 'sluice-vsftpd-')));
  const files = join(dir, 'files');
  const empty = join(dir, 'empty');
  await mkdir(files);
  await mkdir(empty, { mode: 0o555 });
  // The server reads as a user without rights.
  await chmod(dir, 0o755);
  const port = await freePort();
  const settings: Record<string, string | number> = {
    listen: 'YES',
    listen_address: '127.0.0.1',
    listen_port: port,
    background: 'NO',
    anonymous_enable: 'YES',
    no_anon_password: 'YES',
    local_enable: 'NO',
    anon_root: files,
    secure_chroot_dir: empty,
    allow_writeable_chroot: 'YES',
    use_localtime: 'NO',
    seccomp_sandbox: 'NO',
    xferlog_enable: 'NO',
    ...(process.getuid?.() === 0 ? {} : { run_as_launching_user: 'YES' }),
  };
  if (writable) {
    for (const right of ['write_enable', 'anon_upload_enable', 'anon_mkdir_write_enable', 'anon_other_write_enable'])
      settings[right] = 'YES';
  }
  if (tls) {
    await writeFile(join(dir, 'pair.pem'), tls.key + tls.certificate);
    Object.assign(settings, {
      ssl_enable: 'YES',
      allow_anon_ssl: 'YES',
      force_anon_logins_ssl: 'YES',
      force_anon_data_ssl: 'YES',
      rsa_cert_file: join(dir, 'pair.pem'),
      implicit_ssl: tls.kind === 'implicit' ? 'YES' : 'NO',
    });
  }
  const config = join(dir, 'vsftpd.conf');
  await writeFile(
    config,
    Object.entries(settings)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  );
  const child = spawn(program('vsftpd') ?? 'vsftpd', [config], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
  const gone = new Promise<Error>((resolve) => {
    child.once('error', resolve);
    child.once('close', () => resolve(new Error(`vsftpd ended: ${said}`)));
  });
  await listens(port, gone);
  return {
    port,
    files,
    stop: async () => {
      child.kill('SIGKILL');
      await gone;
      await rm(dir, { recursive: true, force: true });
    },
  };
}
