import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import {
  type ColumnRecord,
  createProject,
  parseDocument,
  type RecordKeys,
  SluiceError,
  type SluiceErrorJson,
} from '@sluice/core';
import type { Command } from 'commander';
import { keepRecord } from '../repo/column-records.ts';
import { loadProject } from '../repo/load.ts';

/** A line that the editor sends. `text`: the file as it stands in the editor. */
type Asked =
  | { id: number; method: 'infer'; params: { file: string; text?: string; stream?: string; remote?: boolean } }
  | { method: 'cancel'; params: { id: number } };

/** A line that is answered. */
type Answer =
  | { id: number; result: { keys: RecordKeys; record: ColumnRecord } }
  | { id: number; error: Pick<SluiceErrorJson, 'code' | 'message'> & { hint?: string | undefined } };

/** Looks that take longer are given up. */
const MOST_MS = 60_000;

export function define(command: Command): void {
  command
    .requiredOption('--project <dir>', 'folder of the project')
    .option('--idle <seconds>', 'end after that many seconds without a question', '60')
    .addHelpText('after', '\nFor editors: a question a line on stdin, an answer a line on stdout, both JSON.')
    .action((options: { project: string; idle: string }) =>
      work(resolve(options.project), Number(options.idle) * 1000),
    );
}

/** Answers questions one after the other until stdin ends or nothing was asked for a while. */
async function work(projectDir: string, idleMs: number): Promise<void> {
  const running = new Map<number, AbortController>();
  let last: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  const input = createInterface({ input: process.stdin });
  const rest = (): void => {
    clearTimeout(timer);
    if (running.size === 0) timer = setTimeout(() => process.exit(0), idleMs);
  };
  input.on('line', (line) => {
    const asked = read(line);
    if (asked?.method === 'cancel') running.get(asked.params.id)?.abort();
    if (asked?.method !== 'infer') return;
    const stop = new AbortController();
    running.set(asked.id, stop);
    clearTimeout(timer);
    last = last.then(async () => {
      const answer = await answerTo(projectDir, asked, stop.signal);
      running.delete(asked.id);
      process.stdout.write(`${JSON.stringify(answer)}\n`);
      rest();
    });
  });
  rest();
  await new Promise<void>((done) => input.on('close', done));
  clearTimeout(timer);
  await last;
  process.exit(0);
}

function read(line: string): Asked | null {
  try {
    return JSON.parse(line) as Asked;
  } catch {
    return null;
  }
}

async function answerTo(
  projectDir: string,
  { id, params }: Extract<Asked, { id: number }>,
  stopped: AbortSignal,
): Promise<Answer> {
  const signal = AbortSignal.any([stopped, AbortSignal.timeout(MOST_MS)]);
  try {
    signal.throwIfAborted();
    // Loaded with the first question: an editor may start the worker ahead.
    const { lookAtColumns } = await import('../executor/columns.ts');
    const loaded = await loadProject({
      from: projectDir,
      project: projectDir,
      files: [resolve(projectDir, params.file)],
    });
    const stored = loaded.jobs.get(params.file);
    const document = params.text === undefined ? stored : parseDocument(params.text, params.file);
    if (!document) throw new SluiceError('columns/file', 'config', `There is no job file ${params.file}`);
    const jobs = [...[...loaded.jobs.values()].filter(({ file }) => file !== params.file), document];
    const project = createProject({ config: loaded.config, jobs });
    const env = Object.fromEntries(
      Object.entries(loaded.env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
    );
    const { stream = null, remote = false } = params;
    const found = await lookAtColumns({ projectDir: loaded.dir, project, document, env, stream, remote }, signal);
    signal.throwIfAborted();
    await keepRecord(loaded.dir, found.keys, found.record);
    return { id, result: found };
  } catch (error) {
    if (stopped.aborted) return { id, error: { code: 'columns/cancelled', message: 'It was cancelled' } };
    const { code, message, hint } =
      error instanceof SluiceError
        ? error.toJSON()
        : { code: 'columns/failed', message: String(error), hint: undefined };
    return { id, error: { code, message, ...(hint == null ? {} : { hint }) } };
  }
}
