import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { Client, folderWith } from '../../lsp/test/client.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const { contributes } = manifest;
const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => readFileSync(join(root, 'src', name), 'utf8'));
const code = sources.join('\n');

/** Names and sizes in a zip file, from its central directory. */
function zipEntries(path: string): Map<string, number> {
  const bytes = readFileSync(path);
  const end = bytes.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]));
  const entries = new Map<string, number>();
  let at = bytes.readUInt32LE(end + 16);
  for (let i = 0; i < bytes.readUInt16LE(end + 10); i++) {
    const length = bytes.readUInt16LE(at + 28);
    entries.set(bytes.toString('utf8', at + 46, at + 46 + length), bytes.readUInt32LE(at + 24));
    at += 46 + length + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
  }
  return entries;
}

describe('the manifest', () => {
  it('declares exactly the commands that the code registers, in one category', () => {
    const declared = contributes.commands.map(({ command }: { command: string }) => command).sort();
    const registered = [...code.matchAll(/\n {2}on(?:Job|Project)?\('(\w+)'/g)].map((match) => `sluice.${match[1]}`);
    // Those of the server are registered by the client, and a second time is an error.
    expect(registered.concat('sluice.readColumns').sort()).toEqual(declared);
    expect(new Set(contributes.commands.map(({ category }: { category: string }) => category))).toEqual(
      new Set(['Sluice']),
    );
    const named = [...JSON.stringify(manifest).matchAll(/command:(sluice\.\w+)|onCommand:(sluice\.\w+)/g)].map(
      (match) => match[1] ?? match[2],
    );
    for (const command of named) expect(declared).toContain(command);
  });

  it('declares exactly the views and settings that the code uses', () => {
    const views = contributes.views.sluice.map(({ id }: { id: string }) => id).sort();
    expect([...code.matchAll(/viewOf<[^>]+>\(\s*context,\s*'(sluice\.\w+)'/g)].map((match) => match[1]).sort()).toEqual(
      views,
    );
    const read = [...code.matchAll(/\.get<[^>]+>\('([\w.]+)'/g)].map((match) => `sluice.${match[1]}`);
    const settings = Object.entries<{ description?: string; markdownDescription?: string }>(
      contributes.configuration.properties,
    );
    for (const name of read.filter((one) => one !== 'sluice.associations'))
      expect(settings.map(([key]) => key)).toContain(name);
    for (const [key, setting] of settings)
      expect([key, setting.description ?? setting.markdownDescription]).not.toContain(undefined);
    expect(contributes.configuration.properties['sluice.path'].scope).toBe('machine');
    const readme = readFileSync(join(root, 'README.md'), 'utf8');
    for (const [key] of settings) expect(readme).toContain(`| \`${key}\` |`);
  });

  it('contributes nothing for other YAML files and starts only where it is needed', () => {
    expect(contributes.languages.map(({ id }: { id: string }) => id)).toEqual(['sluice']);
    expect(contributes.languages[0].extensions).toEqual(['.sluice.yaml']);
    expect(contributes.languages[0].filenames).toEqual(['sluice.yaml']);
    expect(JSON.stringify(contributes)).not.toMatch(/"yaml"|\[yaml\]|yamlValidation|jsonValidation/);
    expect(manifest.activationEvents).toEqual(['onLanguage:sluice', 'workspaceContains:**/sluice.yaml']);
    expect(manifest.extensionKind).toEqual(['workspace']);
    expect(manifest.capabilities.untrustedWorkspaces.restrictedConfigurations).toContain('sluice.path');
    const inText = sources.concat(readFileSync(join(root, 'README.md'), 'utf8')).join('');
    expect(inText).not.toContain('yaml-language-server:');
  });

  it('names only files that are there', () => {
    const named = [
      ...JSON.stringify(manifest).matchAll(/"(?:\.\/)?((?:media|syntaxes)\/[\w./-]+|language-configuration\.json)"/g),
    ];
    expect(named.length).toBeGreaterThan(8);
    for (const [, path] of named) expect([path, existsSync(join(root, path!))]).toEqual([path, true]);
    for (const path of ['language-configuration.json', 'syntaxes/sluice.tmLanguage.json'])
      JSON.parse(readFileSync(join(root, path), 'utf8'));
  });
});

describe('the package', () => {
  const vsix = join(mkdtempSync(join(tmpdir(), 'sluice-vsix-')), 'sluice.vsix');
  const clients: Client[] = [];
  afterAll(async () => {
    for (const client of clients) await client.stop();
  });

  it('holds the extension, its server and what the manifest names, and no source', () => {
    execFileSync(
      process.execPath,
      [
        fileURLToPath(new URL('../../node_modules/@vscode/vsce/vsce', import.meta.url)),
        'package',
        '--no-dependencies',
        '--allow-missing-repository',
        '--no-rewrite-relative-links',
        '--out',
        vsix,
      ],
      { cwd: root, stdio: 'pipe' },
    );
    const entries = zipEntries(vsix);
    const names = [...entries.keys()];
    for (const name of [
      'package.json',
      'dist/extension.cjs',
      'dist/server.mjs',
      'dist/metrics.js',
      'dist/metrics.css',
      'syntaxes/sluice.tmLanguage.json',
      'media/walkthrough/open.md',
      'readme.md',
      'LICENSE.txt',
    ])
      expect(names).toContain(`extension/${name}`);
    expect(names.filter((name) => /node_modules|\.ts$|\.map$|\.node$/.test(name))).toEqual([]);
    expect(entries.get('extension/dist/server.mjs')).toBeLessThan(1_500_000);
    expect(statSync(vsix).size).toBeLessThan(1_000_000);
  });

  it('brings a server that starts and knows the lists of the views', async () => {
    const client = new Client([join(root, 'dist/server.mjs'), '--stdio']);
    clients.push(client);
    const { dir, uri } = folderWith({
      'sluice.yaml': 'version: 1\nname: p\nconnections:\n  lake: {type: local, root: in}\n',
      'jobs/a.yaml': 'name: a\ntags: [x]\nsource: {connection: lake, path: a.csv}\nschedule: "0 2 * * *"\n',
      'jobs/b.yaml': 'name: b\nsorce: {}\n',
      'other.yaml': 'a: 1\n',
    });
    await client.start(dir);
    const [project] = await client.request('sluice/projects', null);
    expect(project).toMatchObject({ name: 'p', dir, connections: [{ name: 'lake', type: 'local', jobs: ['a'] }] });
    expect(project.jobs).toMatchObject([
      { name: 'a', tags: ['x'], errors: 0, place: { uri: uri('jobs/a.yaml'), position: { line: 0, character: 6 } } },
      { name: 'b', next: null, errors: 2 },
    ]);
    expect(project.jobs[0].next).toMatch(/T02:00:00/);
    const owns = async (file: string) => await client.request('sluice/owns', { uri: uri(file) });
    expect([await owns('jobs/a.yaml'), await owns('sluice.yaml'), await owns('other.yaml')]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('brings a server that lists projects below a folder where it is told of them, and forgets those that are gone', async () => {
    const client = new Client([join(root, 'dist/server.mjs'), '--stdio']);
    clients.push(client);
    const { dir } = folderWith({
      'crm/sluice.yaml': 'version: 1\n',
      'crm/jobs/a.yaml': 'name: a\nsource: {type: local, path: a.csv}\n',
      'shop/sluice.yaml': 'version: 1\nname: shop\n',
    });
    await client.start(dir);
    const names = async (...below: string[]) => {
      const listed = await client.request('sluice/projects', { dirs: below.map((name) => join(dir, name)) });
      return listed.map((one: { name: string; jobs: { name: string }[] }) => [
        one.name,
        one.jobs.map((job) => job.name),
      ]);
    };
    expect(await names()).toEqual([]);
    expect(await names('crm', 'shop', 'none')).toEqual([
      [null, ['a']],
      ['shop', []],
    ]);
    rmSync(join(dir, 'shop/sluice.yaml'));
    expect(await names('crm')).toEqual([[null, ['a']]]);
  });

  it('is a module that VS Code can load', () => {
    // Every name of the editor's API is a class here: enough to load, and to see that both functions are there.
    const script = `
      const Module = require('node:module');
      const any = () => new Proxy(class { static from() {} }, { get: (target, key) => (key in target || typeof key === 'symbol' ? target[key] : any()) });
      const load = Module._load;
      Module._load = (name, ...rest) => (name === 'vscode' ? new Proxy({}, { get: () => any() }) : load(name, ...rest));
      const loaded = require(${JSON.stringify(join(root, 'dist/extension.cjs'))});
      console.log(typeof loaded.activate, typeof loaded.deactivate);`;
    expect(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }).trim()).toBe('function function');
  });
});
