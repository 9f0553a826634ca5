import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { crash } from '../../../test/crash.ts';
import { ADDRESSES, type SystemUnderTest } from '../../../test/destination-driver.ts';
import { destinationFixture, lookInto, STAGE, three, two } from '../../../test/destination-fixture.ts';
import { destinationSuite } from '../../../test/destination-suite.ts';
import { missing, TcpProxy } from '../../../test/processes.ts';
import { type SshServer, startSshd } from '../../../test/sshd.ts';
import { destinations } from '../../registry.ts';

const lacks = missing('sshd');
const folder = mkdtempSync(join(tmpdir(), 'sluice-sftp-'));
const sftp = await destinations.sftp!.load();
let server: SshServer;
let proxy: TcpProxy;
let key: string;
let out: string;

beforeAll(async () => {
  if (lacks) return;
  server = await startSshd();
  proxy = await TcpProxy.start(server.port);
  key = await server.key('plain', '-t', 'ed25519', '-N', '');
  out = join(server.dir, 'out');
});
afterAll(async () => {
  await proxy?.stop();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** The server's folders as another program sees them. */
function select(sql: string): Promise<Record<string, string | null>[]> {
  return lookInto(':memory:', sql, async (connection) => {
    await connection.run('CREATE SCHEMA raw');
    const table = /"raw"\."(\w+)"/.exec(sql)?.[1] ?? '';
    const rows =
      table === '_sluice_quarantine'
        ? `read_json('${out}/*/*/_quarantine/*.jsonl', format = 'newline_delimited')`
        : `read_parquet('${out}/${table}/**/*.parquet', union_by_name = true, hive_partitioning = false)`;
    await connection.run(`CREATE VIEW raw."${table}" AS SELECT * FROM ${rows}`);
  });
}

const settings = (table: string) => ({
  host: '127.0.0.1',
  port: server.port,
  user: server.user,
  private_key_file: key,
  host_key: server.fingerprint,
  root: server.dir,
  path: `out/${table}`,
  format: 'parquet',
});
const system = (more: object = {}): SystemUnderTest => ({
  destination: sftp,
  settings: (table) => ({ ...settings(table), ...more }),
  schema: 'raw',
  select,
});

describe.skipIf(lacks)(lacks ?? 'OpenSSH', () => {
  destinationSuite('sftp', () => system(), { merge: false, window: false, replace: false });

  describe('sftp alone', () => {
    const lab = destinationFixture(() => system());

    test('a commit is one folder, CSV where nothing else is said, and nothing of it is to be seen before', async () => {
      const { format: _, ...plain } = settings(lab.driver.table);
      const csv = lab.over({ ...system(), settings: plain });
      const session = await csv.connect('s');
      const opened = await session.open(ADDRESSES, []);
      const request = { epoch: 0, task: 0, attempt: 1, columns: two, disposition: 'append' as const };
      const token = await session.stage(request, csv.rows(three(1), two));
      expect(existsSync(join(out, csv.table))).toBe(false);
      await session.commit(csv.epoch('s', opened, two), [token]);
      await session.close();
      const name = `000001-s.${csv.table}.0`;
      expect(readdirSync(join(out, csv.table))).toEqual([name]);
      const files = readdirSync(join(out, csv.table, name)).sort();
      expect(files).toEqual(['_commit', expect.stringMatching(/^part-00000.*\.csv$/)]);
      expect(readFileSync(join(out, csv.table, name, files[1]!), 'utf8')).toBe('id,"s"\n1,"v1"\n2,"v2"\n3,"v3"\n');
      expect(readdirSync(join(out, `.${csv.table}.sluice/staging`))).toEqual([]);
    });

    test.each([
      ['load', 'inside', 0],
      ['load', 'committed', 1],
      ['stage', 'inside', 0],
      ['stage', 'committed', 1],
    ] as const)('a %s that dies at %s: the next run finds out what became of it', async (how, step, seq) => {
      const { table } = lab.driver;
      const fault = `destination.${how === 'load' ? 'load' : 'commit'}.${step}=kill`;
      expect(await crash('sftp', settings(table), { how, table, fault })).toBe('SIGKILL');
      const session = await lab.driver.connect('next');
      const opened = await session.open(ADDRESSES, []);
      expect(opened).toMatchObject({ seq });
      await session.abort('run-1');
      await session.load(lab.driver.epoch('next', opened, two), lab.driver.rows(three(4), two));
      await session.close();
      expect((await lab.driver.select()).map((r) => r.id)).toEqual([...(seq ? ['0', '1', '2'] : []), '4', '5', '6']);
    });

    test('a holder that slept through a takeover cannot commit', async () => {
      const old = await lab.driver.connect('old');
      const opened = await old.open(ADDRESSES, []);
      const rows = lab.driver.rows(three(1), two);
      rows.gate = async () => {
        const young = await lab.driver.connect('young');
        const next = await young.open(ADDRESSES, []);
        await young.load(lab.driver.epoch('young', next, two), lab.driver.rows(three(4), two));
        await young.close();
      };
      await expect(old.load(lab.driver.epoch('old', opened, two), rows)).rejects.toMatchObject({
        code: 'commit/fenced',
      });
      await old.abort('old');
      await old.close();
      expect((await lab.driver.select()).map((r) => r.id)).toEqual(['4', '5', '6']);
    });

    test('of many that open at once one alone commits', async () => {
      const sessions = await Promise.all([1, 2, 3, 4].map((n) => lab.driver.connect(`r${n}`)));
      const ends = await Promise.allSettled(
        sessions.map(async (session, i) => {
          const opened = await session.open(ADDRESSES, []);
          await session.load(lab.driver.epoch(`r${i + 1}`, opened, two), lab.driver.rows(three(1), two));
        }),
      );
      for (const session of sessions) await session.close();
      const committed = ends.filter((end) => end.status === 'fulfilled').length;
      expect(committed).toBeGreaterThan(0);
      expect(await lab.driver.select()).toHaveLength(3 * committed);
      for (const end of ends)
        if (end.status === 'rejected') expect(end.reason).toMatchObject({ code: 'commit/fenced' });
    });

    test('a connection that breaks is taken up again, wherever it does', async () => {
      const far = lab.over(system({ port: proxy.port }));
      let seq = 0;
      for (const bytes of [4_000, 6_000, 8_000, 10_000, 12_000, 16_000]) {
        proxy.cuts = [bytes];
        const session = await far.connect(`cut-${bytes}`);
        const opened = await session.open(ADDRESSES, []);
        const load = session.load(far.epoch(`cut-${bytes}`, opened, two), far.rows(three(1), two));
        const error = await load.then(
          () => null,
          (e) => e,
        );
        if (error !== null) expect(error).toMatchObject({ code: 'commit/unknown', kind: 'transient' });
        const after = await session.open(ADDRESSES, []);
        if (error === null) expect(after.seq).toBe(seq + 1);
        seq = after.seq;
        await session.close();
      }
      proxy.cuts = [];
      expect(await lab.driver.select()).toHaveLength(3 * seq);
    });

    test('what the server refuses is told by name', async () => {
      await expect(lab.driver.run(STAGE, three(1), two, { disposition: 'replace' })).rejects.toMatchObject({
        code: 'destination/append-only',
        kind: 'config',
      });
      writeFileSync(join(out, 'file'), '');
      for (const [more, code] of [
        [{ path: 'out/file' }, 'destination/not-a-folder'],
        [{ path: 'out/file/below' }, 'destination/not-a-folder'],
        [{ path: '..' }, 'destination/bad-path'],
        [{ path: 's3://x/y' }, 'destination/bad-path'],
        [{ root: '/proc/sluice' }, 'destination/not-a-folder'],
        [{ port: 1 }, 'destination/refused'],
        [{ host_key: `SHA256:${'A'.repeat(43)}` }, 'destination/host-key'],
        [{ private_key_file: join(folder, 'none') }, 'destination/settings'],
      ] as const) {
        const bad = lab.over(system(more), lab.driver.table);
        const error = await bad
          .connect('r')
          .then((session) => session.open(ADDRESSES, []).finally(() => session.close()))
          .then(
            () => null,
            (e) => e,
          );
        expect([more, error?.code]).toEqual([more, code]);
      }
      const session = await lab.driver.connect('t');
      await expect(session.test()).resolves.toBeUndefined();
      await session.close();
    });
  });
});
