import { chmodSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EngineProject, engineProject } from './engine.ts';
import { FakeGoogle, refuse } from './fake-google.ts';
import { clientOf, makeBucket, noMoto, startMoto } from './moto.ts';
import { missing } from './processes.ts';
import { startSshd } from './sshd.ts';
import { startVsftpd } from './vsftpd.ts';

interface Place {
  yaml: string;
  /** Value of SECRET; left out: any. */
  secret?: string;
  put(path: string, text: string): Promise<void>;
  /** Paths below the root, sorted. */
  list(): Promise<string[]>;
  read(path: string): Promise<string>;
  /** Makes files so that they cannot be taken away, and lets them be again; left out: the system has no such thing. */
  hold?(folder: string, held: boolean): void;
  stop(): Promise<void>;
}

function folderPlace(root: string, yaml: string, stop: () => Promise<void>, hold = true): Place {
  let clock = 1_700_000_000;
  const place: Place = {
    yaml,
    put: async (path, text) => {
      const full = join(root, path);
      mkdirSync(dirname(full), { recursive: true });
      for (let at = dirname(full); at.length > root.length; at = dirname(at)) chmodSync(at, 0o777);
      writeFileSync(full, text);
      utimesSync(full, ++clock, clock);
    },
    list: async () =>
      readdirSync(root, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
        .sort(),
    read: async (path) => readFileSync(join(root, path), 'utf8'),
    stop,
  };
  if (hold) place.hold = (folder, held) => chmodSync(join(root, folder), held ? 0o555 : 0o777);
  return place;
}

const PLACES: [string, string | null, () => Promise<Place>][] = [
  [
    's3',
    noMoto,
    async () => {
      const server = await startMoto();
      await makeBucket(server.url, 'inbox');
      const client: S3Client = clientOf(server.url);
      const list = async () => {
        const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: 'inbox' }));
        return Contents.map(({ Key = '' }) => Key).sort();
      };
      return {
        yaml: `endpoint: ${server.url}\n  bucket: inbox\n  access_key_id: key\n  secret_access_key: \${env:SECRET}\n`,
        put: async (path, text) => {
          await client.send(new PutObjectCommand({ Bucket: 'inbox', Key: path, Body: text }));
        },
        list,
        read: async (path) => {
          const { Body } = await client.send(new GetObjectCommand({ Bucket: 'inbox', Key: path }));
          return String(await Body?.transformToString());
        },
        stop: async () => {
          for (const Key of await list()) await client.send(new DeleteObjectCommand({ Bucket: 'inbox', Key }));
          client.destroy();
          await server.stop();
        },
      };
    },
  ],
  [
    'sftp',
    missing('sshd'),
    async () => {
      const server = await startSshd();
      const key = await server.key('plain', '-t', 'ed25519', '-N', '');
      const root = join(server.dir, 'files');
      mkdirSync(root);
      const yaml = `host: 127.0.0.1\n  port: ${server.port}\n  user: ${server.user}\n  private_key_file: ${key}\n  host_key: "${server.fingerprint}"\n  root: ${root}\n`;
      return folderPlace(root, yaml, server.stop, process.getuid?.() !== 0);
    },
  ],
  [
    'ftp',
    missing('vsftpd'),
    async () => {
      const server = await startVsftpd(null, true);
      return folderPlace(server.files, `host: 127.0.0.1\n  port: ${server.port}\n`, server.stop);
    },
  ],
  [
    'gdrive',
    null,
    async () => {
      const google = await FakeGoogle.start();
      const { files } = google;
      const pathOf = ({ name, parent }: { name: string; parent: string }): string => {
        const folder = files.get(parent);
        return folder && parent !== 'root' ? `${pathOf(folder)}/${name}` : name;
      };
      const all = () => [...files.values()].filter((file) => !file.trashed && file.id !== 'root');
      const find = (path: string) => all().find((file) => pathOf(file) === path);
      let made = 0;
      const folder = (path: string): string => {
        if (path === '.') return 'root';
        const there = find(path);
        if (there) return there.id;
        const id = `folder-${++made}`;
        google.folder(id, basename(path), folder(dirname(path)));
        return id;
      };
      return {
        yaml: `endpoint: ${google.url}\n  credentials: \${env:SECRET}\n  folder_id: root\n`,
        secret: google.credentials,
        put: async (path, text) =>
          google.put(find(path)?.id ?? `file-${++made}`, basename(path), { parent: folder(dirname(path)), text }),
        list: async () =>
          all()
            .filter(({ mimeType }) => mimeType === 'text/csv')
            .map(pathOf)
            .sort(),
        read: async (path) => String(find(path)?.body),
        hold: (_folder, held) => {
          google.fault = ({ method, path }, response) => {
            const refused = held && method === 'PATCH' && path.includes('/files/');
            if (refused) refuse(response, 403, 'insufficientFilePermissions');
            return refused;
          };
        },
        stop: () => google.stop(),
      };
    },
  ],
];

describe.each(PLACES)('%s', (type, lacks, start) => {
  describe.skipIf(lacks)(lacks ?? 'files that are done', () => {
    let place: Place;
    let project: EngineProject;
    beforeAll(async () => {
      process.env.SLUICE_RETRY_MS = '20';
      place = await start();
      project = await engineProject({ SECRET: place.secret ?? 'secret' });
    });
    afterAll(async () => {
      await project?.close();
      await place?.stop();
    });

    const job = (name: string, afterLoad: string, more = '') =>
      `name: ${name}\nsource:\n  type: ${type}\n  ${place.yaml}  path: ${name}/in/**/*.csv\n  after_load: ${afterLoad}\ncolumns:\n  - name: id\n    type: int\ndestination:\n  type: duckdb\n  path: out.duckdb\n${more}`;
    const below = async (folder: string) => (await place.list()).filter((path) => path.startsWith(`${folder}/`));

    it('are deleted once their rows are committed, and not before', async () => {
      const yaml = job('gone', 'delete', 'limits:\n  max_rejected: {rows: 0}\n');
      await place.put('gone/in/a.csv', 'id\n1\n');
      await place.put('gone/in/é +b.csv', 'id\nx\n');
      expect((await project.run(yaml)).error?.code).toBe('type/value');
      expect(await below('gone')).toHaveLength(2);
      await place.put('gone/in/é +b.csv', 'id\n2\n');
      expect((await project.ok(yaml)).counts.rows_written).toBe(2);
      expect(await below('gone')).toEqual([]);
      expect((await project.ok(yaml)).outcome?.empty).toBe(true);
    });

    it('are moved with their folders, overwrite nothing, and are not read again', async () => {
      const yaml = job('moved', '{move: moved/in/done}');
      await place.put('moved/in/x/ä 1+.csv', 'id\n1\n');
      await project.ok(yaml);
      expect(await below('moved')).toEqual(['moved/in/done/x/ä 1+.csv']);
      await place.put('moved/in/x/ä 1+.csv', 'id\n22\n');
      const again = yaml.replace('columns:', 'incremental:\n  type: files\n  on_change: reload\ncolumns:');
      expect((await project.ok(again)).counts.rows_written).toBe(1);
      const done = await below('moved');
      expect(done).toHaveLength(2);
      expect(done).toContain('moved/in/done/x/ä 1+.csv');
      expect(done.find((path) => /ä 1\+-\d{8}T\d{6}Z\.csv$/.test(path))).toBeDefined();
      expect((await Promise.all(done.map((path) => place.read(path)))).sort()).toEqual(['id\n1\n', 'id\n22\n']);
      expect((await project.ok(again)).outcome?.empty).toBe(true);
    });

    it('are cleared by the next run where one was stopped behind its commit, and stay where they have changed', async () => {
      await place.put('left/in/a.csv', 'id\n1\n');
      await project.ok(job('left', 'keep'), { runId: 'stopped' });
      expect(await below('left')).toHaveLength(1);
      await project.ok(job('left', 'delete'), { runId: 'stopped' });
      expect(await below('left')).toEqual([]);
      await place.put('left/in/b.csv', 'id\n2\n');
      await project.ok(job('left', 'keep'), { runId: 'before' });
      await place.put('left/in/b.csv', 'id\n333\n');
      // The same run again, which knows the file as it was.
      const { logs } = await project.ok(job('left', '{move: away}'), { runId: 'later' }).catch(async (error) => {
        expect(error.code).toBe('source/file-changed');
        return { logs: [] };
      });
      expect(logs).toEqual([]);
      expect(await below('left')).toEqual(['left/in/b.csv']);
    });

    it('stay with a warning where the server refuses, and go when it does not any more', async () => {
      if (!place.hold) return;
      await place.put('held/in/a.csv', 'id\n1\n');
      place.hold('held/in', true);
      const first = await project.ok(job('held', 'delete'));
      expect(first.counts.rows_written).toBe(1);
      expect(first.logs.filter((line) => line.level === 'warn').map((line) => line.message)).toEqual([
        expect.stringContaining('held/in/a.csv is loaded and could not be cleared away'),
      ]);
      place.hold('held/in', false);
      expect((await project.ok(job('held', 'delete'))).outcome?.empty).toBe(true);
      expect(await below('held')).toEqual([]);
    });
  });
});
