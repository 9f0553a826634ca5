import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { jobJsonSchema } from '@sluice/core';
import { type Any, Client } from '../test/client.ts';
import { jobText, writeProject } from './project.ts';

/**
 * How long an editor waits: from the edit to the findings, and to completion, for each server over the same files. Times are those of
 * a client, pipes included. `--other COMMAND`: another server's program, such as yaml-language-server's.
 */
const EDITS = Number(process.env.SLUICE_BENCH_EDITS ?? 10_000);
const OTHER_EDITS = Math.min(EDITS, 2_000);
const JOBS = Number(process.env.SLUICE_BENCH_JOBS ?? 2_000);

interface Server {
  name: string;
  command: string[];
  edits: number;
  /** Started with what the protocol leaves to each server. */
  settle(client: Client, schema: string): void;
}

const dir = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-lsp-bench-')));
const other = process.argv[process.argv.indexOf('--other') + 1];
const servers: Server[] = [
  {
    name: 'sluice lsp',
    command: [process.env.SLUICE_LSP ?? 'lsp/dist/server.js', '--stdio'],
    edits: EDITS,
    settle: () => {},
  },
];
if (process.argv.includes('--other') && other)
  servers.push({
    name: 'yaml-language-server',
    command: [other, '--stdio'],
    edits: OTHER_EDITS,
    settle: configureYaml,
  });

/** yaml-language-server asks for its settings and takes our schema for every job file. */
function configureYaml(client: Client, schema: string): void {
  const yaml = { validate: true, hover: true, completion: true, schemas: { [schema]: ['jobs/**/*.yaml'] } };
  client.answers.set('workspace/configuration', (params) =>
    params.items.map(({ section }: Any) => (section === 'yaml' ? yaml : {})),
  );
  client.notify('workspace/didChangeConfiguration', { settings: { yaml } });
}

function percentile(times: readonly number[], share: number): string {
  const sorted = [...times].sort((a, b) => a - b);
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1);
}

async function measure(server: Server, lines: number): Promise<string> {
  const file = join(dir, 'jobs', `bench_${lines}.yaml`);
  let text = jobText(`bench_${lines}`, lines);
  writeFileSync(file, text);
  const uri = pathToFileURL(file).href;
  const begun = performance.now();
  const client = new Client(server.command);
  const pulls = server.name === 'sluice lsp';
  await client.start(dir, pulls ? { textDocument: { diagnostic: {} } } : { workspace: { configuration: true } });
  server.settle(client, pathToFileURL(join(dir, 'job.schema.json')).href);
  client.open(uri, text);
  const ask = async (version: number): Promise<void> => {
    if (pulls) await client.request('textDocument/diagnostic', { textDocument: { uri } });
    else await client.published(uri, version);
  };
  await ask(1);
  const first = performance.now() - begun;
  const found: number[] = [];
  const completed: number[] = [];
  for (let version = 2; version < server.edits + 2; version++) {
    const line = 11 + (version % Math.max(1, lines - 40));
    const end = text.split('\n', line + 1)[line]?.length ?? 0;
    const range = { start: { line, character: end }, end: { line, character: end } };
    const isTyped = version % 2 === 0;
    const at = isTyped
      ? range
      : { start: { line: last.line, character: last.end }, end: { line: last.line, character: last.end + 1 } };
    const from = performance.now();
    client.change(uri, version, [{ range: at, text: isTyped ? 'x' : '' }]);
    await ask(version);
    found.push(performance.now() - from);
    last = isTyped ? { line, end } : last;
    if (version % 10 === 0) {
      const asked = performance.now();
      await client.request('textDocument/completion', {
        textDocument: { uri },
        position: { line, character: end + 1 },
      });
      completed.push(performance.now() - asked);
    }
  }
  text = '';
  client.process.kill();
  const row = [
    server.name,
    lines,
    server.edits,
    first.toFixed(0),
    percentile(found, 0.5),
    percentile(found, 0.99),
    percentile(completed, 0.5),
    percentile(completed, 0.99),
  ];
  return `| ${row.join(' | ')} |`;
}

let last = { line: 0, end: 0 };

writeProject(dir, JOBS);
writeFileSync(join(dir, 'job.schema.json'), JSON.stringify(jobJsonSchema()));
console.log(`${JOBS} jobs, Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model}\n`);
console.log(
  '| server | lines | edits | start to first finding, ms | edit to findings p50 | p99 | completion p50 | p99 |',
);
console.log('|---|---|---|---|---|---|---|---|');
for (const lines of [200, 1000]) for (const server of servers) console.log(await measure(server, lines));
rmSync(dir, { recursive: true, force: true });
