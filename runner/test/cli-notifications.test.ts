import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { SMTPServer } from 'smtp-server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { missing, program } from '../../core/test/processes.ts';
import { folderWith, sluice } from './cli.ts';

/** Channels are tried by hand; mail over TLS needs a process of its own, which reads the authorities that it trusts at its start. */

const lacks = missing('openssl');
const servers: SMTPServer[] = [];
const mails: { secure: boolean; text: string }[] = [];
let project: Awaited<ReturnType<typeof folderWith>>;
let ports: Record<'starttls' | 'implicit', number>;

async function startSmtp(secure: boolean, key: string, cert: string): Promise<number> {
  const server = new SMTPServer({
    ...{ secure, key, cert, authOptional: true },
    onData(stream, session, done) {
      let text = '';
      stream.on('data', (chunk) => {
        text += chunk;
      });
      stream.on('end', () => {
        mails.push({ secure: Boolean(session.secure), text });
        done();
      });
    },
  });
  // A client that does not trust the certificate breaks off.
  server.on('error', () => undefined);
  servers.push(server);
  const listening = server.listen(0, '127.0.0.1');
  await new Promise((resolve) => listening.once('listening', resolve));
  return (listening.address() as AddressInfo).port;
}

describe.skipIf(lacks)(`sluice notifications --test${lacks ? ` (${lacks})` : ''}`, () => {
  beforeAll(async () => {
    project = await folderWith({});
    const [keyFile, certFile] = [join(project.dir, 'key.pem'), join(project.dir, 'cert.pem')];
    const names = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const out = ['-keyout', keyFile, '-out', certFile];
    execFileSync(
      program('openssl') ?? '',
      ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...names, ...out],
      {
        stdio: 'ignore',
      },
    );
    const [key, cert] = [await readFile(keyFile, 'utf8'), await readFile(certFile, 'utf8')];
    ports = { starttls: await startSmtp(false, key, cert), implicit: await startSmtp(true, key, cert) };
    const channel = (tls: 'starttls' | 'implicit') =>
      `  ${tls}:\n    type: email\n    host: 127.0.0.1\n    port: ${ports[tls]}\n    tls: ${tls}\n    from: s@example.com\n    to: a@example.com\n`;
    await writeFile(
      join(project.dir, 'sluice.yaml'),
      `version: 1\nname: tried\nchannels:\n${channel('starttls')}${channel('implicit')}`,
    );
  });
  afterAll(async () => {
    for (const server of servers) await new Promise<void>((resolve) => server.close(() => resolve()));
    await project?.remove();
  });

  it.each(['starttls', 'implicit'] as const)(
    'sends a mail over TLS (%s), and only to a server that is trusted',
    async (tls) => {
      const ask = (env: Record<string, string>) => sluice(['notifications', '--test', tls], { cwd: project.dir, env });
      const trusted = await ask({ NODE_EXTRA_CA_CERTS: join(project.dir, 'cert.pem') });
      expect(trusted).toMatchObject({ code: 0, stderr: expect.stringContaining(`${tls} took it`) });
      expect(mails.splice(0)).toMatchObject([{ secure: true, text: expect.stringContaining('This is a test') }]);
      const unknown = await ask({});
      expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining('notify/failed') });
      expect(mails).toEqual([]);
    },
  );

  it('knows its channels', async () => {
    const wrong = await sluice(['notifications', '--test', 'startls'], { cwd: project.dir });
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('Did you mean starttls?') });
  });
});
