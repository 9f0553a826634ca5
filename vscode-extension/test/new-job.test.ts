import { fileURLToPath } from 'node:url';
import { sources } from '@sluice/core/specs';
import { afterAll, describe, expect, it } from 'vitest';
import { type Any, Client, folderWith } from '../../lsp/test/client.ts';

const server = fileURLToPath(new URL('../dist/server.mjs', import.meta.url));
const clients: Client[] = [];
afterAll(async () => {
  for (const client of clients) await client.stop();
});

async function started(files: Record<string, string>): Promise<Client> {
  const client = new Client([server, '--stdio']);
  clients.push(client);
  await client.start(folderWith(files).dir);
  return client;
}

/** Errors of each job of a project, by the job's file. */
async function errorsIn(files: Record<string, string>): Promise<Record<string, number>> {
  const client = await started(files);
  const [project] = await client.request('sluice/projects', null);
  return Object.fromEntries(project.jobs.map(({ file, errors }: Any) => [file, errors]));
}

describe('a new job', () => {
  it('of every system has no errors, with a connection and without one', async () => {
    const client = await started({ 'sluice.yaml': 'version: 1\n' });
    const types: string[] = (await client.request('sluice/sources', null)).map(({ type }: Any) => type);
    expect(types).toEqual(Object.keys(sources));
    const files: Record<string, string> = {};
    const connections: string[] = [];
    for (const type of types) {
      const text = async (name: string, connection: string | null): Promise<string> =>
        await client.request('sluice/newJob', { name, type, connection, settings: null });
      const own = await text(`own_${type}`, null);
      files[`jobs/own_${type}.yaml`] = own;
      // What the example says of the connection, as a connection of sluice.yaml.
      const keys = Object.keys(sources[type]?.connection?.properties ?? {});
      const lines = own.split('\n').filter((line) => keys.some((key) => line.startsWith(`  ${key}:`)));
      connections.push(`  c_${type}:\n    type: ${type}\n${lines.map((line) => `  ${line}\n`).join('')}`);
      files[`jobs/of_${type}.yaml`] = await text(`of_${type}`, `c_${type}`);
    }
    files['sluice.yaml'] = `version: 1\nconnections:\n${connections.join('')}`;
    const clean = Object.keys(files).filter((file) => file !== 'sluice.yaml');
    expect(clean).toHaveLength(2 * types.length);
    expect(await errorsIn(files)).toEqual(Object.fromEntries(clean.map((file) => [file, 0])));
  });
});
