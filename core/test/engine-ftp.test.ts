import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type EngineProject, engineProject } from './engine.ts';
import { missing, program, TcpProxy } from './processes.ts';
import { type FtpServer, startVsftpd } from './vsftpd.ts';

const lacks = missing('vsftpd') ?? missing('openssl');

let project: EngineProject;
let jobs = 0;
let name = '';

beforeAll(async () => {
  process.env.SLUICE_RETRY_MS = '20';
  project = await engineProject({ SECRET: 'S3cr-Kk1' });
});
beforeEach(() => {
  name = `job_${++jobs}`;
});
afterAll(async () => {
  await project.close();
});

const job = (port: number, path: string, use = '', more = '') => `
name: ${name}
source:
  type: ftp
  host: 127.0.0.1
  port: ${port}
  path: ${JSON.stringify(path)}
${use}${more}`;

describe.skipIf(lacks)(`ftp against vsftpd${lacks ? ` (${lacks})` : ''}`, () => {
  let server: FtpServer;

  beforeAll(async () => {
    server = await startVsftpd();
  });
  afterAll(async () => {
    await server?.stop();
  });

  async function file(path: string, content: string, at: FtpServer = server): Promise<void> {
    const full = join(at.files, path);
    await mkdir(dirname(full), { recursive: true });
    await writeFile(full, content);
    await utimes(full, 1_700_000_000, 1_700_000_000);
  }

  it('patterns, folders and names of all kinds; a second run loads what is new or changed', async () => {
    await file('a/one.csv', 'id\n1\n');
    await file('a/b c/[2] é#.csv', 'id\n2\n');
    await file('a/x.txt', 'no');
    const more = 'columns:\n  - name: file\n    metadata: path\n';
    const yaml = job(server.port, 'a/**/*.csv', '', more);
    await project.ok(yaml);
    expect(await project.rows(yaml, `SELECT id, file FROM ${name} ORDER BY id`)).toEqual([
      ['1', 'a/one.csv'],
      ['2', 'a/b c/[2] é#.csv'],
    ]);
    expect((await project.ok(yaml)).outcome?.empty).toBe(true);
    await writeFile(join(server.files, 'a/one.csv'), 'id\n7\n');
    await utimes(join(server.files, 'a/one.csv'), 1_700_000_001, 1_700_000_001);
    expect((await project.run(yaml)).error?.code).toBe('source/file-changed');
    name = `job_${++jobs}`;
    const single = job(server.port, 'a/one.csv');
    expect((await project.ok(single)).counts.rows_written).toBe(1);
    expect((await project.ok(single)).outcome?.empty).toBe(true);
    expect((await project.ok(job(server.port, 'nowhere/*.csv'))).outcome?.empty).toBe(true);
    expect((await project.run(job(server.port, 'a'))).error?.code).toBe('source/not-a-file');
  });

  it('a link that leads back upward adds no file', async () => {
    await file('round/in/1.csv', 'id\n1\n');
    await symlink('.', join(server.files, 'round/here'));
    await symlink('..', join(server.files, 'round/in/up'));
    const yaml = job(server.port, 'round/**/*.csv');
    await project.ok(yaml);
    expect(await project.rows(yaml, `SELECT id FROM ${name}`)).toEqual([['1']]);
  });

  it('what was changed a moment ago waits', async () => {
    await file('fresh/a.csv', 'id\n1\n');
    await writeFile(join(server.files, 'fresh/b.csv'), 'id\n2\n');
    expect((await project.ok(job(server.port, 'fresh/b.csv'))).outcome?.empty).toBe(true);
    expect((await project.ok(job(server.port, 'fresh/*.csv'))).counts.rows_written).toBe(1);
  });

  it('a wrong password, a server that is not there', async () => {
    const wrong = await project.run(job(server.port, 'a/*.csv', '  user: bob\n  password: ${env:SECRET}\n'));
    expect(wrong.error).toMatchObject({ code: 'source/auth', kind: 'config' });
    expect(JSON.stringify(wrong)).not.toContain('S3cr');
    expect((await project.run(job(1, 'a/*.csv'))).error).toMatchObject({ code: 'source/refused', kind: 'transient' });
    const plain = await project.run(job(server.port, 'a/*.csv', '  tls: explicit\n'));
    expect(plain.error).toMatchObject({ code: 'source/tls', kind: 'config' });
  });

  it.each(['explicit', 'implicit'] as const)('%s TLS, with a certificate that is known', async (kind) => {
    const dir = await mkdtemp(join(tmpdir(), 'sluice-ca-'));
    const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
    execFileSync(
      program('openssl') ?? '',
      [
        'req',
        '-x509',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-days',
        '2',
        '-subj',
        '/CN=127.0.0.1',
        '-keyout',
        key,
        '-out',
        cert,
        '-addext',
        'subjectAltName=IP:127.0.0.1',
      ],
      { stdio: 'ignore' },
    );
    const secure = await startVsftpd({
      kind,
      key: await readFile(key, 'utf8'),
      certificate: await readFile(cert, 'utf8'),
    });
    try {
      await file('a.csv', 'id\n1\n2\n', secure);
      const yaml = job(secure.port, '*.csv', `  tls: ${kind}\n  ssl_ca: ${cert}\n`);
      expect((await project.ok(yaml)).counts.rows_written).toBe(2);
      const { error } = await project.run(job(secure.port, '*.csv', `  tls: ${kind}\n`));
      expect(error).toMatchObject({ code: 'source/tls', kind: 'config' });
    } finally {
      await secure.stop();
      await rm(dir, { recursive: true });
    }
  });
});

/** A server that speaks FTP as far as a test needs it, with the quirks that it asks for. */
class QuirkyFtp {
  readonly commands: string[] = [];
  epsv = true;
  size: number | null = null;
  /** Bytes after which a transfer is cut; counted down by each that is cut. */
  cuts: number[] = [];
  content = Buffer.from('id\n1\n2\n');
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<QuirkyFtp> {
    const server = createServer();
    const self = new QuirkyFtp(server);
    server.on('connection', (socket) => {
      let data: Promise<import('node:net').Socket> | null = null;
      let rest = 0;
      const listen = async () => {
        const passive = createServer();
        data = new Promise((resolve) => passive.once('connection', (found) => resolve(found)));
        await new Promise<void>((resolve) => passive.listen(0, '127.0.0.1', resolve));
        socket.once('close', () => passive.close());
        return (passive.address() as { port: number }).port;
      };
      const say = (line: string) => socket.write(`${line}\r\n`);
      const transfer = async (bytes: Buffer, cut = Number.POSITIVE_INFINITY) => {
        say('150 here it comes');
        const to = await data;
        to?.on('error', () => undefined);
        if (bytes.length <= cut) {
          to?.end(bytes);
          say('226 done');
        } else {
          to?.write(bytes.subarray(0, cut), () => {
            to.resetAndDestroy();
            socket.destroy();
          });
        }
      };
      const answers: Record<string, (rest: string) => unknown> = {
        EPSV: async () => (self.epsv ? say(`229 Extended (|||${await listen()}|)`) : say('502 no')),
        PASV: async () => {
          const port = await listen();
          say(`227 Entering Passive Mode (10,255,255,1,${port >> 8},${port & 255})`);
        },
        SIZE: () => say(`213 ${self.size ?? self.content.length}`),
        MDTM: () => say('213 20240101000000'),
        LIST: () => transfer(Buffer.from(`-rw-r--r-- 1 u g ${self.content.length} Jan 01 2024 a.csv\r\n`)),
        REST: (at) => {
          rest = Number(at);
          say('350 ok');
        },
        RETR: () => {
          const from = rest;
          rest = 0;
          return transfer(self.content.subarray(from), self.cuts.shift());
        },
        PASS: () => say('230 in'),
        USER: () => say('331 password'),
        PWD: () => say('257 "/"'),
      };
      socket.on('error', () => undefined);
      socket.setEncoding('utf8').on('data', (text: string) => {
        for (const line of text.split('\r\n').filter(Boolean)) {
          const [command = '', ...words] = line.split(' ');
          self.commands.push(line);
          const answer = answers[command.toUpperCase()];
          if (answer) void answer(words.join(' '));
          else say(['TYPE', 'CWD', 'OPTS', 'STRU'].includes(command) ? '200 ok' : '502 no');
        }
      });
      say('220 hello');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return self;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  stop(): void {
    this.#server.close();
  }
}

describe('ftp against a server with quirks', () => {
  let server: QuirkyFtp;

  beforeEach(async () => {
    server = await QuirkyFtp.start();
  });

  it.each([true, false])('an address that cannot be reached is not gone to (EPSV %s)', async (epsv) => {
    server.epsv = epsv;
    const yaml = job(server.port, '*.csv');
    expect((await project.ok(yaml)).counts.rows_written).toBe(2);
    server.stop();
  });

  it('fewer bytes than the server said are no success', async () => {
    server.size = 999;
    const { error, outcome } = await project.run(job(server.port, 'a.csv'));
    expect(error).toMatchObject({ code: 'source/size', kind: 'transient' });
    expect(outcome).toBeNull();
    server.stop();
  });

  it('a transfer that breaks goes on where it stopped', async () => {
    const lines = Array.from({ length: 100_000 }, (_, i) => `${i},${'y'.repeat(20)}`);
    server.content = Buffer.from(`id,text\n${lines.join('\n')}\n`);
    server.cuts = [500_000, 700_000];
    const yaml = job(server.port, '*.csv');
    await project.ok(yaml);
    expect(await project.rows(yaml, `SELECT count(*), count(DISTINCT id) FROM ${name}`)).toEqual([
      ['100000', '100000'],
    ]);
    const rests = server.commands.filter((line) => line.startsWith('REST')).map((line) => Number(line.slice(5)));
    expect(rests.length).toBe(2);
    expect(rests.every((at) => at > 0)).toBe(true);
    server.stop();
  });

  it('a connection that is lost while folders are listed is made anew', async () => {
    const proxy = await TcpProxy.start(server.port);
    proxy.cuts = [60];
    expect((await project.ok(job(proxy.port, '*.csv'))).counts.rows_written).toBe(2);
    expect(proxy.connections).toBeGreaterThan(2);
    await proxy.stop();
    server.stop();
  });
});
