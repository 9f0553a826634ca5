import { type Checkpoint, type Job, SluiceError, type SluiceErrorJson, type Stream, streamAddress } from '@sluice/core';
import { atDestination } from '../executor/destination.ts';
import { expandJob } from '../executor/expand.ts';
import { withReferences } from '../executor/resolve.ts';
import { openStateStore, type Store } from '../store/store.ts';
import type { CheckpointRow, RunRow } from '../store/types.ts';
import { eachJob, openAsked, printJson, type SelectOptions } from './asked.ts';
import { renderError } from './errors.ts';
import { EXIT } from './exit.ts';
import { compileChosen } from './jobs.ts';
import { outputOf } from './options.ts';
import type { OpenProject } from './project.ts';
import type { Chosen } from './select.ts';
import { exitOnInterrupt } from './signals.ts';
import { count, plural, print, printableLine, type Style, styleFor, tell } from './terminal.ts';
import { stateStoreOf } from './unset.ts';

/** What is known of a stream: the destination's word, which counts, and our history of it. */
interface StreamState {
  stream: string;
  destination: string;
  /** null: the destination holds nothing of this stream yet, or could not be asked. */
  state: { fence: number; seq: number; commit_id: string | null; checkpoint: Checkpoint | null; files: number } | null;
  history: CheckpointRow[];
  error: SluiceErrorJson | null;
}

interface JobState {
  job: string;
  target: string;
  streams: StreamState[];
  runs: RunRow[];
}

export async function showState(names: string[], options: SelectOptions): Promise<void> {
  const asked = await openAsked(names, options);
  const interrupt = exitOnInterrupt();
  try {
    const results = await eachJob(asked, (one) => {
      const job = compileChosen(asked.project, one, { quiet: options.quiet === true, references: true });
      return stateOf(asked.project, one, job, interrupt.signal);
    });
    if (outputOf(options) === 'json') printJson(asked, results);
    else print(results.map(({ result }) => stateText(result, styleFor(process.stdout))).join('\n'));
    const failed = results.flatMap(({ result }) => result.streams.flatMap(({ error }) => (error ? [error] : [])));
    for (const error of failed) tell(renderError(error, styleFor(process.stderr)));
    if (failed.length > 0) process.exitCode = Math.max(Number(process.exitCode ?? 0), EXIT.failed);
  } finally {
    interrupt.dispose();
  }
}

async function stateOf(project: OpenProject, chosen: Chosen, job: Job, signal: AbortSignal): Promise<JobState> {
  const stateStore = stateStoreOf(project);
  const store = await openStateStore({ projectDir: project.dir, stateStore });
  const request = { projectDir: project.dir, job, env: project.env, stateStore };
  try {
    const filled = await withReferences({ ...request, job: await expandJob(request, signal) }, signal);
    const streams: StreamState[] = [];
    for (const stream of filled.streams) {
      if (chosen.stream !== null && chosen.stream !== stream.name) continue;
      streams.push(await streamState(project, job, stream, { store, stateStore, signal }));
    }
    const runs = await store.runs({ project: job.project, target: job.target, job: job.name }, 10);
    return { job: job.name, target: job.target, streams, runs };
  } finally {
    await store.close();
  }
}

async function streamState(
  project: OpenProject,
  job: Job,
  stream: Stream,
  means: { store: Store; stateStore: string | null; signal: AbortSignal },
): Promise<StreamState> {
  const key = { project: job.project, target: job.target, job: job.name, stream: stream.name };
  const { type, schema, table } = stream.destination;
  const destination = `${type}: ${schema === null ? '' : `${schema}.`}${table}`;
  const history = await means.store.checkpoints(key);
  const request = {
    projectDir: project.dir,
    key,
    use: stream.destination,
    stateStore: means.stateStore,
    holder: 'sluice state show',
    signal: means.signal,
    onWait: (holder: string) => tell(`Waiting: the warehouse is held by ${holder}`),
  };
  try {
    const found = await atDestination(request, (session) => session.inspect());
    if (!found) return { stream: stream.name, destination, state: null, history, error: null };
    const { fence, seq, commitId: commit_id, checkpoint, files } = found;
    const state = { fence, seq, commit_id, checkpoint, files };
    return { stream: stream.name, destination, state, history, error: null };
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    const json = error.toJSON();
    const where = { job: job.name, stream: stream.name, ...json.where };
    return { stream: stream.name, destination, state: null, history, error: { ...json, where } };
  }
}

function stateText({ job, target, streams, runs }: JobState, style: Style): string {
  const parts = streams.map(({ stream, destination, state, history, error }) => {
    const lines = [style.bold(`${streamAddress(job, stream)}`) + style.dim(` (target ${target})`)];
    lines.push(`  destination  ${printableLine(destination)}`);
    if (error) lines.push(`  state        unknown: ${style.red(error.code)}`);
    else if (!state || state.seq === 0) lines.push('  state        nothing committed yet');
    else {
      lines.push(`  checkpoint   ${printableLine(JSON.stringify(state.checkpoint))}`);
      lines.push(`  commit       ${state.seq}, ${plural(state.files, 'file')} in the ledger, fence ${state.fence}`);
    }
    for (const [i, row] of history.entries()) {
      const rows = row.counts ? plural(row.counts.rows_written, 'row') : '';
      lines.push(
        `  ${i === 0 ? 'history    ' : '           '}  ${row.seq}  ${row.committed_at}  ${row.note ?? rows}  run ${row.run}`,
      );
    }
    return lines.join('\n');
  });
  return `${[...parts, runsText(runs, style)].join('\n\n')}\n`;
}

function runsText(runs: readonly RunRow[], style: Style): string {
  if (runs.length === 0) return style.dim('No run yet.');
  const lines = runs.map(({ id, state, created_at, counts, attempt, error }) => {
    const rows = counts ? `${count(counts.rows_written)} written` : '';
    const also = [attempt > 1 ? `attempt ${attempt}` : '', error?.code ?? ''].filter((text) => text !== '').join('  ');
    return `  ${created_at}  ${state.padEnd(10)}  ${rows}  ${id}  ${also}`.trimEnd();
  });
  return [style.bold('runs'), ...lines].join('\n');
}
