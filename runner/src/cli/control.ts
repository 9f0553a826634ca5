import { userInfo } from 'node:os';
import { SluiceError } from '@sluice/core';
import { Problem } from '../api/problems.ts';
import { ProjectDoor } from '../api/project-door.ts';
import type { JobRow } from '../store/jobs.ts';
import { openStateStore, type Store } from '../store/store.ts';
import type { LogLevel, RunRow, RunState, TargetKey } from '../store/types.ts';
import { EXIT } from './exit.ts';
import type { CommonOptions } from './options.ts';
import { openTarget } from './planned.ts';
import type { OpenProject } from './project.ts';
import { print, printable, type Style, styleFor, tell } from './terminal.ts';
import { stateStoreOf } from './unset.ts';

/** The rows of the daemons of a target. */
export interface Control {
  project: OpenProject;
  store: Store;
  key: TargetKey;
  door: ProjectDoor;
}

/** A run that was told to stop, and its state from then on. */
export interface Stopped {
  run: string;
  state: string;
}

/** Opens the state of the target that was asked for and hands it to `work`. A refusal of what was asked for becomes an error. */
export async function withControl<T>(options: CommonOptions, work: (control: Control) => Promise<T>): Promise<T> {
  const project = await openTarget(options);
  const stateStore = stateStoreOf(project);
  const store = await openStateStore({ projectDir: project.dir, stateStore });
  try {
    const { dir, vars } = project;
    const door = await ProjectDoor.open({ store, dir, target: project.target ?? null, vars, stateStore });
    return await work({ project, store, door, key: door.key });
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const { hint, where } = error.more;
    throw new SluiceError(error.code, 'config', error.message, {
      ...(hint ? { hint } : {}),
      ...(where ? { where } : {}),
    });
  } finally {
    await store.close();
  }
}

/** A job that is applied, by NAME or NAME/STREAM. Throws `job/unknown`. */
export async function appliedJob(
  { store, key }: Control,
  wanted: string,
): Promise<{ row: JobRow; stream: string | null }> {
  const [name = '', stream = null] = wanted.split('/', 2);
  const row = await store.jobs.find(key, name);
  if (row) return { row, stream };
  throw new SluiceError('job/unknown', 'config', `No job ${name} is applied to ${key.target}`, {
    hint: '`sluice list` shows those that are; a daemon applies the files, and so does `sluice apply`.',
  });
}

/** A run by its id, or the newest one of a job. Throws `run/unknown`, `job/unknown`. */
export async function runOf(control: Control, wanted: string): Promise<RunRow> {
  const { store, key } = control;
  if (/^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(wanted)) {
    const run = await store.findRun(wanted);
    if (run?.project === key.project) return run;
    throw new SluiceError('run/unknown', 'config', `There is no run ${wanted}`, { hint: '`sluice runs` lists them.' });
  }
  const [newest] = await store.runs({ ...key, job: wanted }, 1);
  if (newest) return newest;
  const { row } = await appliedJob(control, wanted);
  throw new SluiceError('run/unknown', 'config', `${row.job} has no run yet`, { where: { job: row.job } });
}

/** Who asks, for the history. */
export function asker(): string {
  try {
    return userInfo().username;
  } catch {
    return 'unknown';
  }
}

/** Says where nobody is there to do what was asked for. */
export async function tellUnserved({ store, key }: Control): Promise<void> {
  const nodes = await store.nodes.list(key);
  if (nodes.length === 0)
    tell('No daemon serves this target now: it waits until one does. `sluice daemon` starts one.');
}

/** Writes a run's log as it comes and gives the exit status by what became of the run. */
export async function followRun(
  store: Store,
  run: string,
  { level, json }: { level: LogLevel; json: boolean },
  signal: AbortSignal,
): Promise<number> {
  const style = styleFor(process.stdout);
  for await (const line of store.followLogs(run, { level }, signal)) {
    if ('end' in line) return exitOf(line.state);
    print(json ? JSON.stringify(line) : logLine(line, style));
  }
  return EXIT.interrupted;
}

export function exitOf(state: RunState): number {
  return state === 'failed' || state === 'cancelled' ? EXIT.failed : EXIT.done;
}

export function logLine(
  { at, level, message, fields }: { at: string; level: LogLevel; message: string; fields: object },
  style: Style,
): string {
  const colors = { debug: style.dim, info: style.cyan, warn: style.yellow, error: style.red };
  const stream = 'stream' in fields && typeof fields.stream === 'string' ? `${style.dim(fields.stream)} ` : '';
  return `${style.dim(at)} ${colors[level](level.padEnd(5))} ${stream}${printable(message)}`;
}
