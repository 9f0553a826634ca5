import type { JsonObject } from '@sluice/core';
import { resolveReferences, type Stream } from '@sluice/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EngineProject, engineProject } from '../../core/test/engine.ts';
import { FakeS3, refuse } from '../../core/test/fake-s3.ts';
import { HttpServer } from '../../core/test/http-server.ts';
import { missing } from '../../core/test/processes.ts';
import { type SshServer, startSshd } from '../../core/test/sshd.ts';
import { type FtpServer, startVsftpd } from '../../core/test/vsftpd.ts';
import { probeSource } from '../src/executor/probe.ts';

const lacks = missing('sshd') ?? missing('vsftpd');

/** What `doctor` says of sources elsewhere, each fault by a code of its own and none with a secret. */
describe.skipIf(lacks)(`doctor${lacks ? ` (${lacks})` : ''}`, () => {
  const SECRET = 'S3cr-Kk1';
  let project: EngineProject;
  let web: HttpServer;
  let store: FakeS3;
  let sshd: SshServer;
  let ftpd: FtpServer;
  let key: string;

  beforeAll(async () => {
    process.env.SLUICE_RETRY_MS = '20';
    project = await engineProject({ SECRET });
    web = await HttpServer.start();
    web.handler = ({ path }, response) => {
      const status = Number(/\d+/.exec(path)?.[0] ?? 200);
      response.writeHead(status, { 'content-type': 'application/json' }).end('[]');
    };
    store = await FakeS3.start();
    store.fault = (request, response) => {
      const code = /denied|unknown-key|no-bucket/.exec(request.url ?? '')?.[0];
      if (code === 'denied') refuse(response, 403, 'AccessDenied');
      if (code === 'unknown-key') refuse(response, 403, 'InvalidAccessKeyId');
      if (code === 'no-bucket') refuse(response, 404, 'NoSuchBucket');
      return code !== undefined;
    };
    sshd = await startSshd();
    key = await sshd.key('doctor', '-t', 'ed25519', '-N', '');
    ftpd = await startVsftpd();
  });
  afterAll(async () => {
    await ftpd?.stop();
    await sshd?.stop();
    await store?.stop();
    await web?.stop();
    await project?.close();
  });

  async function outcome(source: string): Promise<[what: string, result: string]> {
    const yaml = `name: asked\nsource:\n  ${source.trim().replaceAll('\n', '\n  ')}\ndestination:\n  type: duckdb\n  path: x.duckdb\n`;
    const [symbols] = project.compile(yaml).streams;
    const values = { env: project.env, file: () => null, stream: 'asked' };
    const stream = resolveReferences(symbols as unknown as JsonObject, values).value as unknown as Stream;
    const asked = { project: 'p', target: 't', job: 'asked', stream: 'asked' };
    const signal = new AbortController().signal;
    const probes = await probeSource({ projectDir: project.dir, key: asked, stream, stateStore: null, signal });
    expect(JSON.stringify(probes)).not.toContain('S3cr');
    const last = probes.at(-1);
    if (last?.error) expect(last.error.hint).not.toBeNull();
    return [last?.what ?? '', last?.error?.code ?? last?.found ?? ''];
  }

  const s3 = (more: string, path = 'in/*.csv') =>
    `type: s3\naccess_key_id: key\nsecret_access_key: \${env:SECRET}\nbucket: lake\npath: "${path}"\n${more}`;
  const http = (more: string) => `type: http\nauth: {type: bearer, token: "\${env:SECRET}"}\nformat: json\n${more}`;
  const sftp = (more: string, host = '127.0.0.1') =>
    `type: sftp\nhost: ${host}\npath: "*.csv"\nuser: ${sshd.user}\n${more}`;
  const ftp = (more: string, host = '127.0.0.1') => `type: ftp\nhost: ${host}\npath: "*.csv"\n${more}`;
  const trusted = () => `private_key_file: ${key}\nhost_key: "${sshd.fingerprint}"\n`;
  const portOf = (url: string) => new URL(url).port;

  it.each<[string, () => string, string]>([
    ['s3: a name that no one has', () => s3('endpoint: http://no-such-host.invalid'), 'source/dns'],
    ['s3: a port that is closed', () => s3('endpoint: http://127.0.0.1:1'), 'source/refused'],
    ['s3: a server without TLS', () => s3(`endpoint: https://127.0.0.1:${portOf(store.url)}`), 'source/tls'],
    ['s3: a bucket that is missing', () => s3(`endpoint: ${store.url}`, 'no-bucket/*.csv'), 'source/missing'],
    ['s3: a key that is unknown', () => s3(`endpoint: ${store.url}`, 'unknown-key/*.csv'), 'source/auth'],
    ['s3: no right', () => s3(`endpoint: ${store.url}`, 'denied/*.csv'), 'source/permission'],
    ['s3: nothing that matches', () => s3(`endpoint: ${store.url}`), 'reached; there is nothing to load'],
    ['http: a name that no one has', () => http('base_url: http://no-such-host.invalid\npath: x'), 'source/dns'],
    ['http: a port that is closed', () => http('base_url: http://127.0.0.1:1\npath: x'), 'source/refused'],
    ['http: a server without TLS', () => http(`base_url: https://127.0.0.1:${portOf(web.url)}\npath: x`), 'source/tls'],
    ['http: who is not let in', () => http(`base_url: ${web.url}\npath: "401"`), 'source/auth'],
    ['http: no right', () => http(`base_url: ${web.url}\npath: "403"`), 'source/permission'],
    ['http: an address that is missing', () => http(`base_url: ${web.url}\npath: "404"`), 'source/missing'],
    ['sftp: a name that no one has', () => sftp(trusted(), 'no-such-host.invalid'), 'source/dns'],
    ['sftp: a port that is closed', () => sftp(`port: 1\n${trusted()}`), 'source/refused'],
    ['sftp: a server of another kind', () => sftp(`port: ${portOf(web.url)}\n${trusted()}`), 'source/lost'],
    [
      'sftp: a key that is unknown',
      () => sftp(`port: ${sshd.port}\npassword: \${env:SECRET}\nhost_key: "${sshd.fingerprint}"`),
      'source/auth',
    ],
    [
      'sftp: a server that is not known',
      () => sftp(`port: ${sshd.port}\nprivate_key_file: ${key}\nknown_hosts_file: none`),
      'source/host-key',
    ],
    ['sftp: a root that is missing', () => sftp(`port: ${sshd.port}\nroot: /no/such\n${trusted()}`), 'source/gone'],
    [
      'sftp: nothing that matches',
      () => sftp(`port: ${sshd.port}\nroot: ${sshd.dir}\n${trusted()}`),
      'reached; there is nothing to load',
    ],
    ['ftp: a name that no one has', () => ftp('', 'no-such-host.invalid'), 'source/dns'],
    ['ftp: a port that is closed', () => ftp('port: 1'), 'source/refused'],
    ['ftp: a server without TLS', () => ftp(`port: ${ftpd.port}\ntls: explicit`), 'source/tls'],
    ['ftp: who is not let in', () => ftp(`port: ${ftpd.port}\nuser: bob\npassword: \${env:SECRET}`), 'source/auth'],
    ['ftp: nothing that matches', () => ftp(`port: ${ftpd.port}`), 'reached; there is nothing to load'],
  ])('%s', async (_, source, wanted) => {
    expect(await outcome(source())).toEqual(['reach', wanted]);
  });
});
