import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VERSION } from '@sluice/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CliResult, folderWith, sluice } from './cli.ts';

/** Commands that need no state, no engine and no network. */

const GOOD = 'name: good\nsource:\n  type: local\n  path: in/*.csv\ndestination:\n  type: duckdb\n';
const DUPLICATE = 'name: orders\nsource:\n  type: csv\n  path: in/orders.csv\n  type: json\n';
const WIDE = 'name: wide\ndescription: "x"\n# \nsource: {path: "📦📦 nightly", typ: csv}\n';

let dir: string;
let remove: () => Promise<void>;
const run = (...args: string[]): Promise<CliResult> => sluice(args, { cwd: dir });

beforeAll(async () => {
  ({ dir, remove } = await folderWith({
    'sluice.yaml': `version: 1
name: shop
variables:
  folder:
    default: in
connections:
  files:
    type: local
    root: \${var:folder}
defaults:
  - set:
      owner: team-a
      tags: [nightly]
`,
    'jobs/good.yaml': GOOD,
    'jobs/merged.yaml':
      'name: merged\nsource:\n  connection: files\n  path: "*.csv"\nstreams:\n  - name: one\n    columns:\n      - name: "02134"\n        type: text\n  - name: two\n    tags: []\n'.replace(
        '    tags: []\n',
        '    destination:\n      write_disposition: replace\n',
      ),
    'bad/duplicate.yaml': DUPLICATE,
    'bad/wide.yaml': WIDE,
  }));
});
afterAll(() => remove());

describe('exit statuses', () => {
  it.each([
    [0, ['--help']],
    [0, ['-V']],
    [0, ['help', 'run']],
    [0, ['run', '--help']],
    [0, ['validate']],
    [0, ['validate', 'jobs/good.yaml']],
    [1, ['validate', 'bad/duplicate.yaml']],
    [1, ['run', 'bad/duplicate.yaml']],
    [1, ['show', 'bad/duplicate.yaml']],
    [2, []],
    [2, ['nonsense']],
    [2, ['state']],
    [2, ['run']],
    [2, ['validate', '--nonsense']],
    [2, ['validate', '-o', 'xml']],
    [2, ['validate', 'jobs/none.yaml']],
    [2, ['validate', 'jobs']],
    [2, ['validate', '--project', 'none']],
    [2, ['validate', '--target', 'prod']],
    [2, ['validate', '--var', 'other=1']],
    [2, ['validate', '--var', 'folder']],
    [2, ['run', 'gud']],
    [2, ['run', 'good/none']],
    [2, ['run', '--select', 'colour:red']],
    [2, ['preview', 'good', '--rows', '0']],
    [2, ['show', 'none']],
    [2, ['schema', 'none']],
  ] as const)('%i: sluice %j', async (status, args) => {
    const { code, stdout, stderr } = await run(...args);
    expect({ code, stderr: status === 0 || stderr !== '' }).toEqual({ code: status, stderr: true });
    if (status === 2) expect(stdout).toBe('');
  });

  it('names the version', async () => {
    expect((await run('--version')).stdout).toBe(`sluice ${VERSION}\n`);
  });

  it('offers the name that was meant', async () => {
    expect((await run('show', 'goood')).stderr).toContain('good?');
  });
});

describe('validate', () => {
  it('prints the line and carets under the place', async () => {
    const { stdout, stderr } = await run('validate', 'bad/duplicate.yaml');
    expect(stdout).toContain('bad/duplicate.yaml:5:3: error[yaml/duplicate-key]');
    expect(stdout).toContain('   5 |   type: json\n     |   ^^^^\n');
    expect(stderr).not.toContain('duplicate-key');
    expect(stdout).not.toContain('\u001b');
  });

  it('gives LSP positions: from 0, in UTF-16 units', async () => {
    const found = JSON.parse((await run('validate', '--json', 'bad/wide.yaml')).stdout);
    const typ = found.find((one: { path: string }) => one.path === '/source/typ');
    expect(typ).toEqual({
      file: 'bad/wide.yaml',
      code: 'schema/unknown-key',
      severity: 'error',
      message: expect.any(String),
      path: '/source/typ',
      range: { start: { line: 3, character: 31 }, end: { line: 3, character: 34 } },
    });
  });

  it('prints an array for a project without findings, too', async () => {
    const { stdout, code } = await run('validate', '-o', 'json');
    expect([stdout, code]).toEqual(['[]\n', 0]);
  });

  it('speaks to code hosts', async () => {
    const github = await run('validate', '-o', 'github', 'bad/duplicate.yaml');
    expect(github.stdout).toContain('::error file=bad/duplicate.yaml,line=5,endLine=5,col=3,endColumn=7,');
    const sarif = JSON.parse((await run('validate', '-o', 'sarif', 'bad/duplicate.yaml')).stdout);
    const results = sarif.runs[0].results.map((r: { ruleId: string }) => r.ruleId);
    expect(results).toContain('yaml/duplicate-key');
    expect(sarif.runs[0].tool.driver.rules.map((r: { id: string }) => r.id)).toEqual([...new Set(results)].sort());
  });

  it('checks a file that stands alone', async () => {
    const alone = await folderWith({ 'job.yaml': GOOD });
    try {
      expect((await sluice(['validate', 'job.yaml'], { cwd: alone.dir })).code).toBe(0);
      expect((await sluice(['validate', join(alone.dir, 'job.yaml')], { cwd: dir })).code).toBe(0);
    } finally {
      await alone.remove();
    }
  });

  it('a file that is no text fails beside the others', async () => {
    const project = await folderWith({
      'sluice.yaml': 'version: 1\nname: p\n',
      'jobs/good.yaml': GOOD,
      'jobs/b.yaml': '',
    });
    try {
      const { writeFile } = await import('node:fs/promises');
      await writeFile(join(project.dir, 'jobs/b.yaml'), Buffer.from([0xff, 0xfe, 0x00]));
      const { code, stderr } = await sluice(['validate'], { cwd: project.dir });
      expect(code).toBe(2);
      expect(stderr).toContain('jobs/b.yaml');
    } finally {
      await project.remove();
    }
  });
});

describe('show and schema', () => {
  it('shows a job with the defaults under it, as YAML that means the same', async () => {
    const { stdout, code } = await run('show', 'good');
    expect(code).toBe(0);
    expect(stdout).toContain('owner: team-a\n');
    expect(stdout).toContain('tags: [nightly]\n');
    const again = await folderWith({ 'shown.yaml': stdout });
    try {
      expect((await sluice(['validate', 'shown.yaml'], { cwd: again.dir })).code).toBe(0);
      expect((await sluice(['show', 'shown.yaml'], { cwd: again.dir })).stdout).toBe(stdout);
    } finally {
      await again.remove();
    }
  });

  it('shows one stream of a job', async () => {
    const shown = JSON.parse((await run('show', 'merged/one', '--json')).stdout);
    expect(shown).toMatchObject({
      owner: 'team-a',
      columns: [{ name: '02134', type: 'text' }],
      source: { path: '*.csv' },
    });
    expect((await run('show', 'merged/one')).stdout).toContain('name: "02134"');
  });

  it('prints the schemas that are committed', async () => {
    for (const kind of ['job', 'project']) {
      const committed = await readFile(new URL(`../../schemas/${kind}.schema.json`, import.meta.url), 'utf8');
      expect((await run('schema', kind)).stdout).toBe(committed);
    }
  });
});

describe('fmt', () => {
  it('lays files out, keeps comments, and changes nothing more the second time', async () => {
    const ugly = '# why\nname:   ugly\nsource:\n    type: local   # here\n    path: in/*.csv\ntags:\n- a\n';
    const { dir: folder, remove: gone } = await folderWith({ 'jobs/ugly.yaml': ugly, 'jobs/broken.yaml': 'a: [1' });
    const fmt = (...args: string[]) => sluice(['fmt', ...args], { cwd: folder });
    const read = () => readFile(join(folder, 'jobs/ugly.yaml'), 'utf8');
    expect(await fmt('--check', 'jobs/ugly.yaml')).toMatchObject({ code: 1, stdout: 'jobs/ugly.yaml\n' });
    expect(await read()).toBe(ugly);
    expect(await fmt('jobs/ugly.yaml')).toMatchObject({ code: 0, stdout: 'jobs/ugly.yaml\n' });
    expect(await read()).toBe('# why\nname: ugly\nsource:\n  type: local # here\n  path: in/*.csv\ntags:\n  - a\n');
    expect(await fmt('--check', 'jobs/ugly.yaml')).toMatchObject({ code: 0, stdout: '' });
    expect(JSON.parse((await fmt('--json')).stdout)).toEqual({ changed: [], broken: ['jobs/broken.yaml'] });
    expect((await fmt()).code).toBe(1);
    await gone();
  });
});
