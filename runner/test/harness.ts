import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdir, mkdtemp, realpath, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { check, compile, type Job, type JsonObject, resolveReferences } from '@sluice/core';
import { registry } from '@sluice/core/runtime';
import { LogView } from '../../core/test/delta-log.ts';
import { type TestMariaDb, testMariaDb } from '../../core/test/mariadb.ts';
import { keysOf, makeBucket, openUploads, type S3Server, startMoto } from '../../core/test/moto.ts';
import { type TestDatabase, testDatabase } from '../../core/test/postgres.ts';
import { type SshServer, startSshd } from '../../core/test/sshd.ts';
import type { RunEvent, RunResult } from '../src/executor/api.ts';
import { startRun } from '../src/executor/start.ts';
import { loadProject } from '../src/repo/load.ts';

const CLI = fileURLToPath(new URL('../dist/sluice.js', import.meta.url));

export interface RunOptions {
  /** SLUICE_FAULT of the executor. */
  fault?: string;
  /** Values for `${env:…}`, before the project's own. */
  env?: Record<string, string>;
  fullRefresh?: boolean;
  stream?: string;
  on?: (event: RunEvent) => void;
  signal?: AbortSignal;
}

export interface Ran extends RunResult {
  events: RunEvent[];
}

export interface ChildRun {
  child: ChildProcess;
  /** Exit status (null: killed by a signal) and what it wrote. */
  ended: Promise<{ code: number | null; signal: string | null; stdout: string; stderr: string }>;
}

/** A project in a temporary folder whose state lies in a database of its own. */
export class TestProject {
  readonly dir: string;
  readonly db: TestDatabase;
  /** Only where the tests asked for it. */
  readonly mariadb: TestMariaDb | null;
  readonly s3: S3Server | null;
  readonly sshd: SshServer | null;
  #clock = Date.parse('2026-01-01T00:00:00Z');

  constructor(
    dir: string,
    db: TestDatabase,
    { mariadb, s3, sshd }: { mariadb: TestMariaDb | null; s3: S3Server | null; sshd: SshServer | null },
  ) {
    this.dir = dir;
    this.db = db;
    this.mariadb = mariadb;
    this.s3 = s3;
    this.sshd = sshd;
  }

  /** The environment that jobs read their references from. */
  get env(): Record<string, string> {
    const s3 = this.s3 ? { S3_URL: this.s3.url, S3_SECRET: 'secret' } : {};
    const { port, user, dir, fingerprint } = this.sshd ?? {};
    const sshd = this.sshd
      ? { SSH_PORT: String(port), SSH_USER: String(user), SSH_DIR: String(dir), SSH_HOST_KEY: String(fingerprint) }
      : {};
    return { WAREHOUSE_URL: this.db.url, ...(this.mariadb ? { MYSQL_URL: this.mariadb.url } : {}), ...s3, ...sshd };
  }

  path(name: string): string {
    return join(this.dir, name);
  }

  /** Writes a file; each one written is a second younger than the one before, whatever the machine's clock says. */
  async file(name: string, content: string | Buffer): Promise<void> {
    const path = this.path(name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
    this.#clock += 1000;
    await utimes(path, this.#clock / 1000, this.#clock / 1000);
  }

  async remove(name: string): Promise<void> {
    await rm(this.path(name), { recursive: true, force: true });
  }

  async compile(yaml: string): Promise<Job> {
    const file = `${/^name: *(\S+)/m.exec(yaml)?.[1]}.yaml`;
    await writeFile(this.path(file), yaml);
    const loaded = await loadProject({ from: this.dir, files: [file], dotenv: false });
    const document = loaded.jobs.get(file);
    if (!document) throw new Error(`${file} was not loaded: ${JSON.stringify(loaded.unreadable)}`);
    const found = check(document, loaded.project);
    const { job, diagnostics } = compile(document, loaded.project);
    const errors = [...found, ...diagnostics].filter((d) => d.severity === 'error');
    if (errors.length > 0) throw new Error(errors.map((d) => `${d.code}: ${d.message}`).join('\n'));
    if (!job) throw new Error(`${file} did not compile`);
    return job;
  }

  /** Compiles the job and runs it, with an executor process of its own and this process as its parent. */
  async run(yaml: string, options: RunOptions = {}): Promise<Ran> {
    const job = await this.compile(yaml);
    const events: RunEvent[] = [];
    const before = process.env.SLUICE_FAULT;
    if (options.fault) process.env.SLUICE_FAULT = options.fault;
    try {
      const result = await startRun(
        {
          projectDir: await realpath(this.dir),
          job,
          vars: {},
          env: { ...this.env, ...options.env },
          stream: options.stream ?? null,
          fullRefresh: options.fullRefresh ?? false,
          kind: 'manual',
          stateStore: this.db.url,
        },
        (event) => {
          events.push(event);
          options.on?.(event);
        },
        options.signal ?? new AbortController().signal,
      );
      return { ...result, events };
    } finally {
      if (before === undefined) delete process.env.SLUICE_FAULT;
      else process.env.SLUICE_FAULT = before;
    }
  }

  /** Runs the job as a user would: `sluice run` in a process of its own, which can be killed. */
  async spawn(yaml: string, env: Record<string, string> = {}, flags: string[] = []): Promise<ChildRun> {
    const job = await this.compile(yaml);
    const child = spawn(process.execPath, [CLI, 'run', job.file, '--json', ...flags], {
      cwd: this.dir,
      env: { ...process.env, ...this.env, DATABASE_URL: this.db.url, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout?.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr?.on('data', (chunk) => {
      stderr += chunk;
    });
    const ended = new Promise<Awaited<ChildRun['ended']>>((resolve) => {
      child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
    });
    return { child, ended };
  }

  /** Rows of a query on the job's destination, each as the texts of its values. */
  async rows(yaml: string, sql: string): Promise<(string | null)[][]> {
    const job = await this.compile(yaml);
    const stream = job.streams[0];
    const entry = registry.destinations[stream?.destination.type ?? ''];
    if (!stream || !entry) throw new Error('no such destination');
    const values = { env: this.env, file: () => null, stream: stream.name };
    const settings = resolveReferences(stream.destination.settings, values).value as JsonObject;
    const destination = await entry.load();
    const session = await destination.connect({
      key: { project: job.project, target: job.target, job: job.name, stream: stream.name },
      use: { ...stream.destination, settings },
      projectDir: await realpath(this.dir),
      runId: 'look',
      signal: new AbortController().signal,
      log: () => {},
    });
    try {
      const { rows } = await session.query(sql);
      return rows.map((row) => row.map((value) => (value === null ? null : String(value))));
    } finally {
      await session.close();
    }
  }

  /** Process ids of the executors of this project that live; only where the system has /proc. */
  executors(): number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => {
        try {
          if (readlinkSync(`/proc/${pid}/cwd`) !== this.dir) return false;
          return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('executor');
        } catch {
          return false;
        }
      })
      .map(Number);
  }

  /** The executors of this project that a fault has stopped. */
  stoppedExecutors(): number[] {
    return this.executors().filter(isStopped);
  }

  killExecutors(): void {
    for (const pid of this.executors()) signal(pid, 'SIGKILL');
  }

  /** What unfinished work left behind: spool folders, staging folders and files, staging tables and their tokens. */
  async leftovers(): Promise<string[]> {
    const spool = this.path('.sluice/spool');
    const found = existsSync(spool) ? readdirSync(spool).map((name) => `spool/${name}`) : [];
    const folders = [this.dir, ...(this.sshd ? [join(this.sshd.dir, 'out')] : [])];
    const names = folders.flatMap(namesBelow);
    for (const name of names) {
      if (/\.sluice-staging|\.partial$|[._]sluice\/(staging\/|streams\/.*\/(out|link)$)/.test(name)) found.push(name);
    }
    found.push(...deltaOrphans(this.dir));
    const tables = await this.db.query(
      `SELECT n.nspname || '.' || c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind = 'r' AND (c.relname LIKE '\\_sluice\\_stage\\_%' OR c.relname LIKE '\\_sluice\\_load\\_%')`,
    );
    found.push(...tables.map((row) => String(row.name)));
    const tokens = await this.db.query(
      `SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relname = '_sluice_staging'`,
    );
    for (const { nspname } of tokens) {
      const [row] = await this.db.query(`SELECT count(*) AS n FROM "${nspname}"._sluice_staging`);
      if (row?.n !== '0') found.push(`${row?.n} tokens in ${nspname}`);
    }
    const own = await this.mariadb?.query(`SHOW TABLES LIKE '_sluice_stage%'`);
    found.push(...(own ?? []).map((row) => String(Object.values(row)[0])));
    if (this.s3) found.push(...(await openUploads(this.s3.url, 'lake')));
    if (this.s3) found.push(...(await keysOf(this.s3.url, 'lake')).filter((key) => key.includes('/_sluice/staging/')));
    return found;
  }

  async close(): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
    await this.db.drop();
    await this.mariadb?.drop();
    await this.s3?.stop();
    await this.sshd?.stop();
  }
}

/** Every path below a folder, also where a run removes folders meanwhile. */
function namesBelow(folder: string): string[] {
  for (;;) {
    try {
      return readdirSync(folder, { recursive: true, encoding: 'utf8' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || !existsSync(folder)) throw error;
    }
  }
}

/** Sends a signal to a process that may have ended by itself. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function isStopped(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.[0] === 'T';
  } catch {
    return false;
  }
}

/** Data files below Delta tables that no line of their logs has ever named. */
function deltaOrphans(dir: string): string[] {
  const all = namesBelow(dir);
  const tables = all.filter((name) => name.endsWith('/_delta_log')).map((name) => dirname(name));
  return tables.flatMap((table) => {
    const named = new LogView(join(dir, table)).versions
      .flat()
      .flatMap(({ add }) => (add ? [decodeURIComponent(add.path)] : []));
    const own = all.filter((name) => name.startsWith(`${table}/`) && name.endsWith('.parquet') && !/\/_/.test(name));
    return own.filter((name) => !named.includes(name.slice(table.length + 1)));
  });
}

/** Makes a project; close it in `afterAll`. */
export async function testProject(
  options: { mariadb?: boolean; s3?: boolean; sshd?: boolean } = {},
): Promise<TestProject> {
  const db = await testDatabase();
  const mariadb = options.mariadb ? await testMariaDb() : null;
  const s3 = options.s3 ? await startMoto() : null;
  if (s3) await makeBucket(s3.url, 'lake');
  const sshd = options.sshd ? await startSshd() : null;
  await sshd?.key('runs', '-t', 'ed25519', '-N', '');
  if (sshd) await mkdir(join(sshd.dir, 'out'));
  return new TestProject(await realpath(await mkdtemp(join(tmpdir(), 'sluice-run-'))), db, { mariadb, s3, sshd });
}

/** The systems that the commit protocol is tested on. */
export type Kind = 'duckdb' | 'postgres' | 'local' | 'delta' | 'delta_s3' | 'sqlite' | 'mysql' | 's3' | 'sftp';

/** The destination's type, where a kind is one of its places. */
export function typeOf(kind: Kind): string {
  return kind === 'delta_s3' ? 'delta' : kind;
}

const inBucket = (table: string) =>
  `endpoint: \${env:S3_URL}\n  bucket: lake\n  access_key_id: key\n  secret_access_key: \${env:S3_SECRET}\n  path: out/${table}`;

const PLACES: Record<Kind, (table: string) => string> = {
  duckdb: (table) => `path: out.duckdb\n  table: ${table}`,
  postgres: (table) => `url: \${env:WAREHOUSE_URL}\n  schema: wh\n  table: ${table}`,
  local: (table) => `path: out/${table}`,
  s3: inBucket,
  delta_s3: inBucket,
  delta: (table) => `path: out/${table}`,
  mysql: (table) => `url: \${env:MYSQL_URL}\n  table: ${table}`,
  sftp: (table) =>
    `host: 127.0.0.1\n  port: \${env:SSH_PORT}\n  user: \${env:SSH_USER}\n  host_key: \${env:SSH_HOST_KEY}\n  root: \${env:SSH_DIR}\n  private_key_file: \${env:SSH_DIR}/runs\n  path: out/${table}\n  format: parquet`,
  sqlite: (table) => `path: out.sqlite\n  table: ${table}`,
};

/** Schema of a kind's tables, with its point, in queries. */
export const SCHEMAS: Record<Kind, string> = {
  duckdb: 'main.',
  postgres: 'wh.',
  local: '',
  s3: '',
  delta: '',
  delta_s3: '',
  sftp: '',
  sqlite: 'main.',
  mysql: '',
};

/** The `destination` part of a job's YAML for a table of this kind. */
export function destination(kind: Kind, table: string, more = ''): string {
  return `destination:\n  type: ${typeOf(kind)}\n  ${PLACES[kind](table)}\n${indent(more)}`;
}

export function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => (line === '' ? line : `  ${line}`))
    .join('\n');
}

/**
 * Asks until the answer is yes.
 * @public
 */
export async function until(what: () => boolean | Promise<boolean>, ms = 120_000): Promise<void> {
  const end = Date.now() + ms;
  while (!(await what())) {
    if (Date.now() > end) throw new Error(`waited ${ms} ms in vain`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** I1 for a result. */
export function adds(result: { counts: RunResult['counts'] }): boolean {
  const { rows_read, rows_added, rows_written, rows_rejected, rows_filtered } = result.counts;
  return rows_read + rows_added === rows_written + rows_rejected + rows_filtered;
}
