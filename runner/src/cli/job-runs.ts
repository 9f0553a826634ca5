import { type Job, type RunWindow, type SluiceErrorJson, zeroCounts } from '@sluice/core';
import type { RunRequest, RunResult } from '../executor/api.ts';
import { startRun } from '../executor/start.ts';
import { recordRun } from '../repo/column-records.ts';
import { renderError } from './errors.ts';
import { runEnded, type WriteEvent } from './event-log.ts';
import { type CommonOptions, outputOf } from './options.ts';
import { progressFor } from './progress.ts';
import { environmentOf, type OpenProject } from './project.ts';
import { nothingDue, runLine, runText, windowText } from './run-result.ts';
import type { Chosen } from './select.ts';
import { print, styleFor, tell } from './terminal.ts';

export interface RunMeans {
  project: OpenProject;
  options: CommonOptions;
  stateStore: string | null;
  events: WriteEvent;
  signal: AbortSignal;
}

/** What one run is asked for beside its job. */
export type RunWish = Pick<RunRequest, 'kind' | 'fullRefresh' | 'takeOver'> & {
  window?: RunWindow;
  windowedOnly?: boolean;
};

/** Runs a job once, with its progress on stderr, and writes the result. Throws where no run could be started. */
export async function runOnce(means: RunMeans, chosen: Chosen, job: Job, wish: RunWish): Promise<RunResult> {
  const { project, options, stateStore, events, signal } = means;
  const progress = progressFor(options);
  const env = environmentOf(project);
  const { dir: projectDir, vars } = project;
  const request = { projectDir, job, vars, env, stream: chosen.stream, stateStore, ...wish };
  let result: RunResult;
  try {
    const onEvent: Parameters<typeof startRun>[1] = (event) => {
      progress.on(event);
      events(job.name, event);
    };
    result = await startRun(request, onEvent, signal);
  } finally {
    progress.end();
  }
  events(job.name, runEnded(result));
  write(result, options, wish.window);
  await remember(project, chosen, result);
  return result;
}

/** Editors complete and check by what was read. A folder that cannot be written to is no fault of the run. */
async function remember(project: OpenProject, chosen: Chosen, result: RunResult): Promise<void> {
  const view = project.project.view(chosen.document, project.scope);
  for (const stream of result.streams) await recordRun(project.dir, view, stream).catch(() => undefined);
}

/** Runs a job once for each window, oldest first; false where one failed, after which no other is begun. */
export async function runWindows(
  means: RunMeans,
  chosen: Chosen,
  job: Job,
  windows: readonly RunWindow[],
  wish: RunWish,
): Promise<boolean> {
  for (const [i, window] of windows.entries()) {
    if (means.signal.aborted) return true;
    // Streams without windows are run beside the first one.
    const windowedOnly = wish.windowedOnly === true || i > 0;
    means.events(job.name, { type: 'window', ...bounds(window), number: i + 1, of: windows.length });
    const result = await runOnce(means, chosen, job, { ...wish, window, windowedOnly });
    if (result.status !== 'succeeded') return false;
  }
  return true;
}

function write(result: RunResult, options: CommonOptions, window: RunWindow | undefined): void {
  const errors = result.streams.flatMap((stream) => (stream.error ? [stream.error] : []));
  const own = result.error;
  if (own && !errors.some((error) => error.code === own.code && error.message === own.message)) errors.unshift(own);
  tellErrors(errors);
  const line = runLine(result);
  if (outputOf(options) === 'json') print(JSON.stringify(window ? { ...line, window: bounds(window) } : line));
  else print(`${window ? `${windowText(window)}\n` : ''}${runText(result, styleFor(process.stdout))}`);
}

function bounds({ from, to }: RunWindow): { from: string; to: string } {
  return { from, to };
}

/** Says that there was no window to run. */
export function writeNothingDue(job: Job, options: CommonOptions): void {
  if (outputOf(options) === 'json') print(JSON.stringify(nothingDue(job.name, zeroCounts())));
  else print(`${job.name}: every window that is due is finished`);
}

export function tellErrors(errors: readonly SluiceErrorJson[]): void {
  for (const error of errors) tell(renderError(error, styleFor(process.stderr)));
}
