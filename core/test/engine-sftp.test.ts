import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { chmod, mkdir, readFile, symlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type EngineProject, engineProject } from './engine.ts';
import { missing, program, TcpProxy } from './processes.ts';
import { type SshServer, startSshd } from './sshd.ts';

const lacks = missing('sshd');

describe.skipIf(lacks)(`sftp against OpenSSH${lacks ? ` (${lacks})` : ''}`, () => {
  let server: SshServer;
  let proxy: TcpProxy;
  let project: EngineProject;
  let key: string;
  let jobs = 0;
  let name = '';

  beforeAll(async () => {
    process.env.SLUICE_RETRY_MS = '20';
    server = await startSshd();
    proxy = await TcpProxy.start(server.port);
    project = await engineProject({ PHRASE: 'pass phrase#1', OTHER: 'wr0ng-Phrase' });
    key = await server.key('plain', '-t', 'ed25519', '-N', '');
  });
  beforeEach(() => {
    name = `job_${++jobs}`;
  });
  afterAll(async () => {
    await proxy?.stop();
    await server?.stop();
    await project?.close();
  });

  async function file(path: string, content: string): Promise<void> {
    const full = join(server.dir, 'files', path);
    await mkdir(dirname(full), { recursive: true });
    await writeFile(full, content);
    await utimes(full, 1_700_000_000, 1_700_000_000);
  }

  interface Way {
    key?: string | null;
    more?: string;
    trust?: string;
    port?: number;
  }
  const job = (path: string, way: Way = {}) => `
name: ${name}
source:
  type: sftp
  host: 127.0.0.1
  port: ${way.port ?? server.port}
  user: ${server.user}
${way.key === null ? '' : `  private_key_file: ${way.key ?? key}\n`}  ${way.trust ?? `host_key: "${server.fingerprint}"`}
  root: ${server.dir}/files
  path: ${JSON.stringify(path)}
${way.more ?? ''}`;

  it('patterns, folders, links and names of all kinds; a second run loads what is new', async () => {
    await file('a/one.csv', 'id\n1\n');
    await file('a/b c/[2] é#.csv', 'id\n2\n');
    await file('a/x.txt', 'no');
    await file('other/9.csv', 'id\n9\n');
    await symlink('..', join(server.dir, 'files/a/up'));
    await symlink('one.csv', join(server.dir, 'files/a/link.csv'));
    const more = '\ncolumns:\n  - name: file\n    metadata: path\n';
    const yaml = job('a/{,b c/}*.csv', { more });
    await project.ok(yaml);
    expect(await project.rows(yaml, `SELECT id, file FROM ${name} ORDER BY file`)).toEqual([
      ['2', 'a/b c/[2] é#.csv'],
      ['1', 'a/link.csv'],
      ['1', 'a/one.csv'],
    ]);
    expect((await project.ok(yaml)).outcome?.empty).toBe(true);
    await file('a/two.csv', 'id\n3\n');
    expect((await project.ok(yaml)).counts.rows_written).toBe(1);
    expect((await project.ok(job('nowhere/*.csv'))).outcome?.empty).toBe(true);
    expect((await project.run(job('a'))).error?.code).toBe('source/not-a-file');
  });

  it('a link that leads back upward adds no file, one that leads elsewhere does', async () => {
    await file('deep/round/in/1.csv', 'id\n1\n');
    await file('aside/2.csv', 'id\n2\n');
    for (const [to, from] of [
      ['.', 'here'],
      ['..', 'in/up'],
      ['../..', 'in/out'],
      ['../../aside', 'side'],
      ['nowhere', 'lost.csv'],
    ] as const)
      await symlink(to, join(server.dir, 'files/deep/round', from));
    const yaml = job('deep/round/**/*.csv', { more: '\ncolumns:\n  - name: file\n    metadata: path\n' });
    await project.ok(yaml);
    expect(await project.rows(yaml, `SELECT id, file FROM ${name} ORDER BY file`)).toEqual([
      ['1', 'deep/round/in/1.csv'],
      ['2', 'deep/round/side/2.csv'],
    ]);
  });

  it('what was changed a moment ago waits', async () => {
    await file('fresh/a.csv', 'id\n1\n');
    await writeFile(join(server.dir, 'files/fresh/b.csv'), 'id\n');
    expect((await project.ok(job('fresh/*.csv'))).counts.rows_written).toBe(1);
  });

  it.each([
    ['an OpenSSH Ed25519 key', ['-t', 'ed25519', '-N', ''], null],
    ['a PEM RSA key', ['-t', 'rsa', '-b', '2048', '-m', 'PEM', '-N', ''], null],
    ['an encrypted OpenSSH RSA key', ['-t', 'rsa', '-b', '2048', '-N', 'pass phrase#1'], 'PHRASE'],
    ['an encrypted OpenSSH ECDSA key', ['-t', 'ecdsa', '-b', '256', '-N', 'pass phrase#1'], 'PHRASE'],
    ['an encrypted PEM RSA key', ['-t', 'rsa', '-b', '2048', '-m', 'PEM', '-N', 'pass phrase#1'], 'PHRASE'],
    ['an encrypted PKCS#8 ECDSA key', ['-t', 'ecdsa', '-b', '384', '-m', 'PKCS8', '-N', 'pass phrase#1'], 'PHRASE'],
  ])('%s logs in', async (title, options, phrase) => {
    await file('k/a.csv', 'id\n1\n');
    const path = await server.key(title.replaceAll(/\W/g, '-'), ...options);
    const passphrase = (env: string) => `  passphrase: \${env:${env}}\n`;
    const yaml = job('k/*.csv', { key: path, ...(phrase ? { more: passphrase(phrase) } : {}) });
    expect((await project.ok(yaml)).counts.rows_written).toBe(1);
    if (!phrase) return;
    const secret = (await readFile(path, 'utf8')).split('\n')[2] ?? '';
    for (const [more, words] of [
      ['', /passphrase is needed/],
      [passphrase('OTHER'), /passphrase is wrong/],
    ] as const) {
      const { error } = await project.run(job('k/*.csv', { key: path, more }));
      expect(error).toMatchObject({ code: 'source/auth', kind: 'config' });
      expect(error?.message).toMatch(words);
      for (const text of [secret, 'wr0ng', 'pass phrase']) expect(JSON.stringify(error)).not.toContain(text);
    }
  });

  const putty = missing('puttygen');
  describe.skipIf(putty)(putty ?? 'keys of PuTTY', () => {
    it.each([
      ['ecdsa', '521', '3', true],
      ['ed25519', '255', '2', false],
    ])('%s of %s bits in a container of version %s (encrypted: %s) logs in', async (type, bits, version, encrypted) => {
      await file('k/a.csv', 'id\n1\n');
      const path = join(server.dir, `${name}.ppk`);
      const [phrase, random] = [`${path}.phrase`, '/dev/urandom'];
      await writeFile(phrase, encrypted ? 'pass phrase#1' : '');
      const run = (...args: string[]) => execFileSync(program('puttygen') ?? '', args, { encoding: 'utf8' });
      const parameters = ['--ppk-param', `version=${version}`, '--random-device', random, '-q'];
      run('-t', type, '-b', bits, ...parameters, '--new-passphrase', phrase, '-o', path);
      const authorized = join(server.dir, 'authorized');
      const before = await readFile(authorized, 'utf8');
      await writeFile(authorized, `${before}${run('-L', path, '--old-passphrase', phrase)}`);
      const passphrase = (env: string) => `  passphrase: \${env:${env}}\n`;
      const more = encrypted ? passphrase('PHRASE') : '';
      expect((await project.ok(job('k/*.csv', { key: path, more }))).counts.rows_written).toBe(1);
      const text = await readFile(path, 'utf8');
      const secret = text.split('\n').at(-3) ?? '';
      const damaged = `${path}.damaged`;
      await writeFile(damaged, text.replace(/Private-MAC: .{8}/, 'Private-MAC: 00000000'));
      const cases: [string, string, RegExp][] = encrypted
        ? [
            [path, '', /passphrase is needed/],
            [path, passphrase('OTHER'), /passphrase is wrong/],
          ]
        : [[damaged, '', /damaged/]];
      for (const [file, use, words] of cases) {
        const { error } = await project.run(job('k/*.csv', { key: file, more: use }));
        expect(error).toMatchObject({ code: 'source/auth', kind: 'config' });
        expect(error?.message).toMatch(words);
        for (const hidden of [secret, 'wr0ng', 'pass phrase']) expect(JSON.stringify(error)).not.toContain(hidden);
      }
    });
  });

  it('a PKCS#8 Ed25519 key logs in', async () => {
    await file('k/a.csv', 'id\n1\n');
    const pem = join(server.dir, 'pkcs8.pem');
    const { privateKey } = generateKeyPairSync('ed25519');
    await writeFile(pem, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const { x = '' } = privateKey.export({ format: 'jwk' });
    const length = (bytes: Buffer) => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes]);
    const blob = Buffer.concat([length(Buffer.from('ssh-ed25519')), length(Buffer.from(x, 'base64url'))]);
    await server.key('again', '-t', 'ed25519', '-N', '');
    const authorized = join(server.dir, 'authorized');
    await writeFile(authorized, `${await readFile(authorized, 'utf8')}ssh-ed25519 ${blob.toString('base64')}\n`);
    expect((await project.ok(job('k/*.csv', { key: pem }))).counts.rows_written).toBe(1);
  });

  it('a password logs in, another one is refused, and none is shown', async () => {
    const user = await server.passwordUser('pass phrase#1');
    // Only root can make somebody who has one.
    if (user === null) return;
    await chmod(server.dir, 0o755);
    await file('pw/a.csv', 'id\n1\n');
    const login = (env: string) =>
      job('pw/*.csv', { key: null, more: `  password: \${env:${env}}\n` }).replace(
        `user: ${server.user}`,
        `user: ${user}`,
      );
    expect((await project.ok(login('PHRASE'))).counts.rows_written).toBe(1);
    const { error } = await project.run(login('OTHER'));
    expect(error).toMatchObject({ code: 'source/auth', kind: 'config' });
    expect(error?.message).toContain(`refuses user ${user} (password)`);
    expect(JSON.stringify(error)).not.toContain('wr0ng');
  });

  it('a server is believed by its key alone', async () => {
    await file('k/a.csv', 'id\n1\n');
    const known = join(server.dir, 'known');
    const hostKey = (await readFile(join(server.dir, 'host.pub'), 'utf8')).trim();
    const other = await readFile(`${await server.key('other-host', '-t', 'ed25519', '-N', '')}.pub`, 'utf8');
    const line = (text: string) => `[127.0.0.1]:${server.port} ${text.split(' ').slice(0, 2).join(' ')}\n`;
    const trust = `known_hosts_file: ${known}`;
    for (const [text, code] of [
      ['', 'source/host-key'],
      [line(other), 'source/host-key'],
      [`@revoked ${line(hostKey)}${line(hostKey)}`, 'source/host-key'],
      [line(other) + line(hostKey), undefined],
    ] as const) {
      await writeFile(known, text);
      expect((await project.run(job('k/*.csv', { trust }))).error?.code).toBe(code);
    }
    await writeFile(known, line(hostKey));
    execFileSync(program('ssh-keygen') ?? '', ['-H', '-f', known], { stdio: 'ignore' });
    name = `job_${++jobs}`;
    await project.ok(job('k/*.csv', { trust }));
    name = `job_${++jobs}`;
    await project.ok(job('k/*.csv', { trust: `host_key: "${hostKey}"` }));
    const { error } = await project.run(job('k/*.csv', { trust: `host_key: "SHA256:${'A'.repeat(43)}"` }));
    expect(error?.code).toBe('source/host-key');
    expect(error?.message).toContain(server.fingerprint);
  });

  it('says who is refused and what is not there', async () => {
    const nobody = (await project.run(job('k/*.csv', { key: null }))).error;
    expect(nobody).toMatchObject({ code: 'source/auth', kind: 'config' });
    const closed = (await project.run(job('k/*.csv', { port: 1 }))).error;
    expect(closed).toMatchObject({ code: 'source/refused', kind: 'transient' });
    const lost = job('k/*.csv').replace('host: 127.0.0.1', 'host: no-such-host.invalid');
    expect((await project.run(lost)).error?.code).toBe('source/dns');
    await file('k/closed.csv', 'id\n1\n');
  });

  it('a transfer that breaks goes on where it stopped', async () => {
    const lines = Array.from({ length: 400_000 }, (_, i) => `${i},${'y'.repeat(20)}`);
    await file('big/a.csv', `id,text\n${lines.join('\n')}\n`);
    // The listing, then the sample and twice the file are cut off.
    proxy.cuts = [Number.POSITIVE_INFINITY, 3_000_000, 5_000_000];
    const yaml = job('big/*.csv', { port: proxy.port });
    await project.ok(yaml);
    expect(await project.rows(yaml, `SELECT count(*), count(DISTINCT id) FROM ${name}`)).toEqual([
      ['400000', '400000'],
    ]);
    expect(proxy.connections).toBeGreaterThanOrEqual(4);
  });
});
