import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { type Any, Client, folderWith } from '../../lsp/test/client.ts';

const read = (path: string): string => readFileSync(fileURLToPath(new URL(path, import.meta.url)), 'utf8');
const manifest = JSON.parse(read('../package.json'));
const clients: Client[] = [];
afterAll(async () => {
  for (const client of clients) await client.stop();
});

/** The server of Red Hat's YAML extension, as that extension starts it, with what ours hands over to it: nothing. */
describe('beside the server of Red Hat’s YAML extension', () => {
  it('no job is said anything of twice', async () => {
    const at = createRequire(import.meta.url).resolve('yaml-language-server/bin/yaml-language-server');
    const client = new Client([at, '--stdio']);
    clients.push(client);
    const { contributes } = manifest;
    const handed = [
      contributes.yamlValidation,
      contributes.jsonValidation,
      contributes.configurationDefaults['[yaml]'],
    ];
    expect(handed).toEqual([undefined, undefined, undefined]);
    const text = read('../../examples/quickstart/jobs/airports.yaml').replace('description', 'descripion');
    const { dir, uri } = folderWith({ 'sluice.yaml': 'version: 1\n', 'jobs/airports.yaml': text });
    client.answers.set('workspace/configuration', ({ items }: Any) => items.map(() => ({})));
    await client.start(dir, {}, {});
    // Settings of a user who changed none: every ability on, schemas only where files or extensions name them.
    client.notify('workspace/didChangeConfiguration', {
      settings: { yaml: { validate: true, hover: true, completion: true, schemaStore: { enable: false } } },
    });
    // In the moment before our extension gives the file its language it is one of theirs.
    const job = uri('jobs/airports.yaml');
    const published = client.next(
      ({ method, params }) => method === 'textDocument/publishDiagnostics' && params.uri === job,
    );
    client.open(job, text, 1, 'yaml');
    expect((await published).params?.diagnostics).toEqual([]);
    expect((await client.request('textDocument/hover', client.at(job, 1, 3)))?.contents ?? []).toEqual([]);
    const offered = await client.request('textDocument/completion', client.at(job, 2, 0));
    expect((offered?.items ?? offered ?? []).map(({ label }: Any) => label)).not.toContain('write_disposition');
  });
});
