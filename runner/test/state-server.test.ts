import { spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { processExists } from '../src/store/place.ts';
import { signal } from './harness.ts';
import { buildStateServer, type StateServerBuild } from './state-server.ts';

const asRoot = process.getuid?.() === 0;
const NOBODY = 65534;
/** Seconds; long enough that no server stops between two steps of a test. */
const IDLE = { SLUICE_STATE_IDLE: '90' };
const SOON = { SLUICE_STATE_IDLE: '0.4' };

let built: StateServerBuild;
const folders: string[] = [];
const servers = new Set<number>();

beforeAll(async () => {
  built = await buildStateServer();
});
afterAll(() => {
  for (const pid of servers) signal(pid, 'SIGQUIT');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  built?.remove();
});

/** A folder in /tmp, since a longer one of a test run may not be reachable for the server's user. */
function folder(mode = 0o755): string {
  const path = realpathSync(mkdtempSync('/tmp/sluice-state-test-'));
  chmodSync(path, mode);
  folders.push(path);
  return path;
}

async function open(project: string, env: Record<string, string> = IDLE, uid?: number) {
  const opened = await built.open(project, { env, ...(uid === undefined ? {} : { uid }) });
  servers.add(opened.server);
  return opened;
}

const state = (project: string) => join(project, '.sluice', 'postgres');
const data = (project: string) => join(state(project), 'data');

interface Written {
  supervisor: number;
  server: number;
  socket: string;
}

function recordOf(stateFolder: string): Written {
  return JSON.parse(readFileSync(join(stateFolder, 'server.json'), 'utf8')) as Written;
}

/** Looks again until it is so; the test's own timeout ends it. */
async function until(is: () => boolean): Promise<void> {
  while (!is()) await new Promise((resolve) => setTimeout(resolve, 20));
}

async function kill(...pids: number[]): Promise<void> {
  for (const pid of pids) signal(pid, 'SIGKILL');
  await until(() => !pids.some(processExists));
}

/** Copies a folder in which a server works: it may take files away meanwhile, then the copy is begun anew. */
function copyLive(from: string, to: string): void {
  for (;;) {
    try {
      cpSync(from, to, { recursive: true, preserveTimestamps: true });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      rmSync(to, { recursive: true, force: true });
    }
  }
}

/** Stops the server of a project. */
async function stopped(project: string): Promise<void> {
  if (existsSync(join(state(project), 'server.json'))) signal(recordOf(state(project)).supervisor, 'SIGTERM');
  const left = ['server.json', 'data/postmaster.pid'];
  await until(() => !left.some((name) => existsSync(join(state(project), name))));
}

/** The state that most tests share, and how many runs it holds. */
let project: string;
let runs = 0;

/** Opens the shared state and finds all in it that was there. */
async function again(env = IDLE) {
  const opened = await open(project, env);
  expect(opened.runs).toBe(runs);
  runs += 1;
  return opened;
}

beforeAll(() => {
  // Longer than the path of a socket may be.
  project = join(folder(), 'a'.repeat(60), 'b'.repeat(60));
  mkdirSync(project, { recursive: true });
});

describe.skipIf(process.platform === 'win32')('a fresh project', () => {
  it('opened by three processes at once gets one server, which outlives them', async () => {
    const env = { ...IDLE, XDG_RUNTIME_DIR: project };
    const all = await Promise.all([open(project, env), open(project, env), open(project, env)]);
    runs = 3;
    expect(new Set(all.map((o) => o.server)).size).toBe(1);
    expect(readdirSync(state(project)).sort()).toEqual(['data', 'password', 'server.json', 'server.log']);
    expect(readFileSync(join(project, '.sluice', '.gitignore'), 'utf8')).toBe('*\n');
    expect(statSync(join(state(project), 'password')).mode & 0o077).toBe(0);
    expect(statSync(recordOf(state(project)).socket).mode & 0o077).toBe(0);
    expect((await again()).server).toBe(all[0]?.server);
    await stopped(project);
    expect(readdirSync(state(project)).sort()).toEqual(['data', 'password', 'server.log']);
  });

  it('whose first starter and supervisor are killed on the way is opened by the next', async () => {
    const fresh = folder();
    const first = built.call(fresh, { env: IDLE });
    const names = () => (existsSync(state(fresh)) ? readdirSync(state(fresh)) : []);
    let supervisor = 0;
    await until(() => {
      const draft = names().find((name) => name.startsWith('data.new-'));
      supervisor = Number(draft?.split('-')[1] ?? 0);
      return supervisor > 0;
    });
    await kill(first.child.pid as number, supervisor);
    expect((await open(fresh)).runs).toBe(0);
    await stopped(fresh);
    expect(names().sort()).toEqual(['data', 'password', 'server.log']);
  });

  it('in a folder that only its owner enters can be opened', async () => {
    const [closed, elsewhere] = [folder(0o700), folder()];
    const env = { ...IDLE, XDG_STATE_HOME: elsewhere };
    const { server } = await open(closed, env);
    if (asRoot) {
      expect(readdirSync(closed)).toEqual([]);
      expect(readdirSync(join(elsewhere, 'sluice'))).toHaveLength(1);
    } else expect(existsSync(data(closed))).toBe(true);
    expect(await open(closed, env)).toEqual({ server, runs: 1 });
  });
});

describe.skipIf(process.platform === 'win32')('a project with state', () => {
  beforeAll(() => again());
  afterAll(() => stopped(project));

  it('is opened after its server was killed, with all that was there', async () => {
    const { server } = recordOf(state(project));
    await kill(server);
    expect((await again()).server).not.toBe(server);
  });

  it('is opened after server and supervisor were killed at once', async () => {
    const { server, supervisor, socket } = recordOf(state(project));
    await kill(supervisor, server);
    expect((await again()).server).not.toBe(server);
    expect(existsSync(socket)).toBe(false);
  });

  it('keeps its server when only the supervisor is killed; another one stops it when nobody is left', async () => {
    const { server, supervisor } = recordOf(state(project));
    await kill(supervisor);
    expect((await again(SOON)).server).toBe(server);
    await until(() => !processExists(server));
    await until(() => !existsSync(join(state(project), 'server.json')));
    await again();
  });

  it('keeps a server that lost both its supervisor and its record', async () => {
    const { server, supervisor } = recordOf(state(project));
    await kill(supervisor);
    rmSync(join(state(project), 'server.json'));
    expect((await again()).server).toBe(server);
    expect(recordOf(state(project)).supervisor).not.toBe(supervisor);
  });

  it('that is removed while its server runs takes the server with it', async () => {
    const gone = folder();
    const { server } = await open(gone, SOON);
    const { socket } = recordOf(state(gone));
    rmSync(join(gone, '.sluice'), { recursive: true });
    await until(() => !processExists(server) && !existsSync(socket));
  });

  it('is not stopped while somebody is connected, however quiet', async () => {
    await stopped(project);
    const quiet = built.call(project, { env: SOON, stay: true });
    const opened = await quiet.opened;
    runs += 1;
    const record = join(state(project), 'server.json');
    const signs = new Set<number>();
    await until(() => signs.add(statSync(record).mtimeMs).size > 12);
    expect(opened).toMatchObject({ server: recordOf(state(project)).server });
    expect(processExists(recordOf(state(project)).server)).toBe(true);
    const { server } = recordOf(state(project));
    await quiet.leave();
    await until(() => !processExists(server));
  });

  it('is opened again and again while its server is just being stopped', async () => {
    for (let i = 0; i < 5; i++) {
      const { server } = await again({ SLUICE_STATE_IDLE: '0.1' });
      // The record goes first, then the server: the next one comes between the two, or just before.
      await until(() => i % 2 === 0 || !existsSync(join(state(project), 'server.json')) || !processExists(server));
    }
    await again();
  });

  it('is opened where the pid of its dead server belongs to another program', async () => {
    await stopped(project);
    await again();
    const { server, supervisor } = recordOf(state(project));
    await kill(supervisor, server);
    const other = spawn('sleep', ['600'], { stdio: 'ignore', ...(asRoot ? { uid: NOBODY, gid: NOBODY } : {}) });
    const lock = join(data(project), 'postmaster.pid');
    const text = readFileSync(lock, 'utf8').split('\n');
    writeFileSync(lock, [other.pid, ...text.slice(1)].join('\n'));
    try {
      await again();
      expect(other.exitCode).toBeNull();
    } finally {
      other.kill();
    }
  });

  it("that is copied while its server runs does not use the original's", async () => {
    const copy = folder();
    copyLive(join(project, '.sluice'), join(copy, '.sluice'));
    const { server } = await open(copy);
    expect(server).not.toBe(recordOf(state(project)).server);
    await again();
    await stopped(copy);
  });

  it('that a sluice elsewhere uses is refused while that one lives, and opened when it is gone', async () => {
    await stopped(project);
    const record = join(state(project), 'server.json');
    const inode = String(statSync(data(project), { bigint: true }).ino);
    const elsewhere = {
      host: 'other-host',
      place: 'elsewhere',
      supervisor: 1,
      server: 1,
      socket: '/nowhere',
      port: 5432,
    };
    writeFileSync(record, JSON.stringify({ ...elsewhere, inode }));
    const beat = setInterval(() => utimesSync(record, new Date(), new Date()), 200);
    const refused = await built.call(project, { env: IDLE }).opened.finally(() => clearInterval(beat));
    expect(refused).toMatchObject({
      code: 'store/in-use',
      kind: 'transient',
      message: expect.stringContaining('other-host'),
    });
    utimesSync(record, 1, 1);
    await again();
  });

  it('of another major version is refused and left alone', async () => {
    await stopped(project);
    const file = join(data(project), 'PG_VERSION');
    const version = readFileSync(file, 'utf8');
    writeFileSync(file, '17\n');
    const refused = await built.call(project, { env: IDLE }).opened;
    expect(refused).toMatchObject({ code: 'store/version', kind: 'config' });
    writeFileSync(file, version);
    await again();
  });

  it('without its password says so', async () => {
    await stopped(project);
    const file = join(state(project), 'password');
    const password = readFileSync(file);
    rmSync(file);
    const refused = await built.call(project, { env: IDLE }).opened;
    expect(refused).toMatchObject({ code: 'store/embedded', message: expect.stringContaining(file) });
    writeFileSync(file, password, { mode: 0o600 });
    await again();
  });

  it('that cannot be started says why, without the password', async () => {
    await stopped(project);
    const file = join(data(project), 'postgresql.conf');
    const before = readFileSync(file, 'utf8');
    writeFileSync(file, `${before}\nno_such_setting = 1\n`);
    const refused = await built.call(project, { env: IDLE }).opened;
    expect(refused).toMatchObject({ code: 'store/embedded', kind: 'terminal' });
    const password = readFileSync(join(state(project), 'password'), 'utf8');
    expect(JSON.stringify(refused)).not.toContain(password);
    expect(readFileSync(join(state(project), 'server.log'), 'utf8')).not.toContain(password);
    writeFileSync(file, before);
    await again();
  });
});

describe.runIf(asRoot)('as root', () => {
  it('uses the state of an ordinary user, and leaves it to that user', async () => {
    const theirs = folder();
    chownSync(theirs, NOBODY, NOBODY);
    const { server } = await open(theirs, IDLE, NOBODY);
    expect(await open(theirs)).toEqual({ server, runs: 1 });
    await stopped(theirs);
    expect((await open(theirs)).runs).toBe(2);
    expect((await open(theirs, IDLE, NOBODY)).runs).toBe(3);
    await stopped(theirs);
    expect((await open(theirs, IDLE, NOBODY)).runs).toBe(4);
    await stopped(theirs);
  });

  it('leaves state that an ordinary user cannot use, who is told so', async () => {
    const refused = await built.call(project, { env: IDLE, uid: 2 }).opened;
    expect(refused).toMatchObject({ code: 'store/embedded', kind: 'config' });
  });

  it("works with programs in a folder that the server's user cannot enter", async () => {
    const closed = await buildStateServer({ closed: true });
    try {
      const env = { ...IDLE, XDG_STATE_HOME: folder() };
      expect((await closed.open(project, { env })).runs).toBe(runs);
      servers.add(recordOf(state(project)).server);
      await stopped(project);
    } finally {
      closed.remove();
    }
  });
});
