import { afterAll, beforeAll, expect, it } from 'vitest';
import { folderWith, sluice } from './cli.ts';

/** `validate` over a folder in which each file is broken in one place, as hands break them. */

/** Jobs of every kind of source and destination, as blocks by their key. */
const JOBS: Record<string, string>[] = [
  { source: 'type: local\npath: in/*.csv', destination: 'type: duckdb' },
  { source: 'type: local\npath: in/*.json\nformat:\n  type: json', destination: 'type: sqlite\npath: out.sqlite' },
  { source: 'type: local\npath: in/*.log\nformat:\n  type: text', destination: 'type: local\npath: out' },
  { source: 'type: s3\nbucket: lake\npath: a/**/*.parquet', destination: 'type: duckdb\nschema: lake' },
  {
    source: 'type: sftp\nhost: h\nuser: u\npassword: ${env:PW}\nhost_key: ${env:HK}\npath: a.csv',
    destination: 'type: duckdb',
  },
  { source: 'type: ftp\nhost: h\npath: a.csv', destination: 'type: duckdb' },
  { source: 'type: http\nbase_url: https://api.example.com\npath: rows', destination: 'type: duckdb' },
  {
    source: 'type: postgres\nurl: ${env:PG}\ntable: public.t',
    destination: 'type: postgres\nurl: ${env:WH}\nschema: raw',
  },
  { source: 'type: mysql\nurl: ${env:MY}\nquery: select 1 as a', destination: 'type: mysql\nurl: ${env:WH}' },
  { source: 'type: sqlite\npath: in.sqlite\ntable: t', destination: 'type: duckdb' },
];

/** What is laid over a job, the place of the fault between « and », and its code. */
const FAULTS: [string, string, string][] = [
  ['ownr', '«ownr»: me', 'schema/unknown-key'],
  ['schedule', 'schedule: «60 * * * *»', 'value/cron'],
  ['description', 'description: a\n«description»: b', 'yaml/duplicate-key'],
  ['owner', 'owner: «!x me»', 'yaml/tag'],
  ['owner', 'owner: «*nobody»', 'yaml/alias'],
  ['description', 'description: «${NAME}»', 'reference/bare'],
  ['timeout', 'timeout: «5 minutes»', 'value/duration'],
  ['compute', 'compute:\n  memory: «lots»', 'value/size'],
  ['columns', 'columns:\n  - name: a\n    type: «strng»', 'value/type'],
  ['enabled', 'enabled: «maybe»', 'schema/type'],
  ['retries', 'retries:\n  max: «-1»', 'schema/range'],
  ['tags', 'tags: [a, «a»]', 'schema/repeated'],
  ['transform', 'transform:\n  - filter: «(a > 1»', 'sql/unclosed'],
  ['transform', 'transform:\n  - filter: «a > 1; drop table x»', 'sql/statements'],
  ['depends_on', 'depends_on: [«nobody»]', 'job/unknown-dependency'],
  ['columns', 'columns:\n  - name: a\n  - name: «a»', 'column/duplicate'],
  ['schedule', 'schedule:\n  cron: "@daily"\n  timezone: «Mars/Base»', 'value/timezone'],
  ['owner', '«owner:»', 'schema/empty-value'],
  ['checks', 'checks:\n  - «rowcount»: {min: 1}', 'schema/unknown-key'],
  ['incremental', 'incremental:\n  type: «cursr»', 'schema/unknown-type'],
];

interface Broken {
  file: string;
  text: string;
  code: string;
  start: { line: number; character: number };
  end: { line: number; character: number };
}

const position = (text: string, at: number) => {
  const before = text.slice(0, at).split('\n');
  return { line: before.length - 1, character: before.at(-1)?.length ?? 0 };
};

const broken = JOBS.flatMap((job, j) =>
  FAULTS.map(([key, written, code], f): Broken => {
    const name = `j${j}_${f}`;
    const blocks = Object.entries(job).map(([block, text]) => `${block}:\n${text.replaceAll(/^/gm, '  ')}`);
    // The fault stands before, between or behind the other keys.
    blocks.splice(f % 3, 0, written);
    const marked = `# ${key} 📦\nname: ${name}\n${blocks.join('\n')}\n`;
    const start = marked.indexOf('«');
    const end = marked.indexOf('»') - 1;
    const text = marked.replace('«', '').replace('»', '');
    return { file: `jobs/${name}.yaml`, text, code, start: position(text, start), end: position(text, end) };
  }),
);

let dir: string;
let remove: () => Promise<void>;

beforeAll(async () => {
  const files = Object.fromEntries(broken.map(({ file, text }) => [file, text]));
  ({ dir, remove } = await folderWith({ 'sluice.yaml': 'version: 1\nname: broken\n', ...files }));
});
afterAll(() => remove?.());

it('gives for each of 200 files the right code at the right range, and no other error', async () => {
  const { code, stdout, stderr } = await sluice(['validate', '--json'], { cwd: dir });
  expect([code, stderr.includes('internal')]).toEqual([1, false]);
  const found = (JSON.parse(stdout) as { file: string; code: string; severity: string; range: object }[])
    .filter(({ severity }) => severity === 'error')
    .map(({ file, code, range }) => ({ file, code, range }));
  const wanted = broken.map(({ file, code, start, end }) => ({ file, code, range: { start, end } }));
  const byFile = (a: { file: string }, b: { file: string }) => (a.file < b.file ? -1 : 1);
  expect(broken).toHaveLength(200);
  expect(found.sort(byFile)).toEqual(wanted.sort(byFile));
});
