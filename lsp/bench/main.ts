import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { jobJsonSchema } from '@sluice/core';
import { type Any, Client } from '../test/client.ts';
import { jobText, writeProject } from './project.ts';

/**
 * How long an editor waits for completion and for findings, for each server over the same files and the same edits. Times are those of a
 * client, pipes included. `--other PROGRAM`: another server's program, such as yaml-language-server's; `--edits N`, `--other-edits N`,
 * `--jobs N`; `--cpu`: also the processor time of the server's main thread, which other work on the machine disturbs less.
 */
const option = (name: string): string | undefined => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? undefined : process.argv[at + 1];
};
const EDITS = Number(option('edits') ?? 10_000);
const OTHER_EDITS = Number(option('other-edits') ?? Math.min(EDITS, 2_000));
const JOBS = Number(option('jobs') ?? 2_000);
const WITH_CPU = process.argv.includes('--cpu');
/** A server that waits before it looks is asked for findings this seldom. */
const SELDOM = 20;

interface Server {
  name: string;
  command: string[];
  edits: number;
  /** It is asked for findings; else it says them by itself, some time after an edit. */
  pulls: boolean;
  /** Started with what the protocol leaves to each server. */
  settle(client: Client, schema: string): void;
}

const dir = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-lsp-bench-')));
const other = option('other');
const servers: Server[] = [
  {
    name: 'sluice lsp',
    command: [process.env.SLUICE_LSP ?? 'lsp/dist/server.js', '--stdio'],
    edits: EDITS,
    pulls: true,
    settle: () => {},
  },
];
if (other)
  servers.push({
    name: 'yaml-language-server',
    command: [other, '--stdio'],
    edits: OTHER_EDITS,
    pulls: false,
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

/** What the editors with most users say of themselves. */
const COMPLETION = {
  completionItem: {
    snippetSupport: true,
    documentationFormat: ['markdown', 'plaintext'],
    resolveSupport: { properties: ['documentation', 'detail', 'additionalTextEdits'] },
    insertTextModeSupport: { valueSet: [1, 2] },
  },
};

interface Edit {
  line: number;
  character: number;
  /** Characters that go, all in one line, or a line end and these of the next line. */
  drop: { line: number; character: number };
  put: string;
  /** Where the caret is afterwards. */
  caret: { line: number; character: number };
}

/** A letter behind a value, and it goes again; the first letter of a key on a line of its own, and the line goes again; all over the columns. */
function editAt(version: number, lines: readonly string[]): Edit {
  const turn = Math.floor(version / 2);
  const line = FIRST_COLUMN + ((turn * 7) % (lines.length - FIRST_COLUMN - 20));
  const at = { line, character: lines[line]!.length };
  const put = turn % 2 === 0 ? 'x' : '\n    n';
  const caret = turn % 2 === 0 ? { line, character: at.character + 1 } : { line: line + 1, character: 5 };
  if (version % 2 === 0) return { ...at, drop: at, put, caret };
  return { ...at, drop: caret, put: '', caret: at };
}

/** Line of the first column of the job. */
const FIRST_COLUMN = 11;

interface Times {
  first: number;
  found: number[];
  completed: number[];
  cpu: number[];
  items: number;
}

async function measure(server: Server, lines: number): Promise<Times> {
  const file = join(dir, 'jobs', `bench_${lines}.yaml`);
  const text = jobText(`bench_${lines}`, lines);
  writeFileSync(file, text);
  const uri = pathToFileURL(file).href;
  const begun = performance.now();
  const client = new Client(server.command);
  const findings = server.pulls ? { diagnostic: {} } : {};
  await client.start(dir, {
    textDocument: { completion: COMPLETION, ...findings },
    workspace: { configuration: true },
  });
  server.settle(client, pathToFileURL(join(dir, 'job.schema.json')).href);
  const ask = (version: number): Promise<unknown> =>
    server.pulls
      ? client.request('textDocument/diagnostic', { textDocument: { uri } })
      : client.published(uri, version);
  const opened = ask(1);
  client.open(uri, text);
  await opened;
  const times: Times = { first: performance.now() - begun, found: [], completed: [], cpu: [], items: 0 };
  const written = text.trimEnd().split('\n');
  for (let version = 2; version < server.edits + 2; version++) {
    const { line, character, drop, put, caret } = editAt(version, written);
    const spent = WITH_CPU ? threadTime(client) : 0;
    const from = performance.now();
    client.change(uri, version, [{ range: { start: { line, character }, end: drop }, text: put }]);
    const answer = client.request('textDocument/completion', { textDocument: { uri }, position: caret });
    const wantsFindings = server.pulls || version % SELDOM === 0;
    const found = wantsFindings ? ask(version).then(() => times.found.push(performance.now() - from)) : null;
    const { items } = await answer;
    times.completed.push(performance.now() - from);
    if (WITH_CPU && !wantsFindings) times.cpu.push(threadTime(client) - spent);
    times.items += items.length;
    await found;
    if (WITH_CPU && wantsFindings) times.cpu.push(threadTime(client) - spent);
  }
  client.process.kill();
  return times;
}

/** Milliseconds that the main thread of a server was on a processor, as Linux counts them. */
function threadTime(client: Client): number {
  return Number(readFileSync(`/proc/${client.process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
}

function percentile(times: readonly number[], share: number): string {
  const sorted = [...times].sort((a, b) => a - b);
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1);
}

function row(server: Server, lines: number, times: Times): string {
  const pair = (of: readonly number[]): string[] => [percentile(of, 0.5), percentile(of, 0.99)];
  const cells = [
    server.name,
    lines,
    server.edits,
    times.first.toFixed(0),
    ...pair(times.completed),
    ...pair(times.found),
    Math.round(times.items / server.edits),
    ...(WITH_CPU ? pair(times.cpu) : []),
  ];
  return `| ${cells.join(' | ')} |`;
}

writeProject(dir, JOBS);
writeFileSync(join(dir, 'job.schema.json'), JSON.stringify(jobJsonSchema()));
console.log(`${JOBS} jobs, Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model}\n`);
const heads = [
  'server',
  'lines',
  'edits',
  'start to first finding, ms',
  'edit to completion p50',
  'p99',
  'edit to findings p50',
  'p99',
  'items',
  ...(WITH_CPU ? ['processor an edit p50', 'p99'] : []),
];
console.log(`| ${heads.join(' | ')} |\n|---|${'---:|'.repeat(heads.length - 1)}`);
for (const lines of [200, 1000])
  for (const server of servers) console.log(row(server, lines, await measure(server, lines)));
rmSync(dir, { recursive: true, force: true });
