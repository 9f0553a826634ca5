import { type Job, SluiceError, zeroCounts } from '@sluice/core';
import type { Command } from 'commander';
import { windowedStreams } from '../executor/windowed.ts';
import { openAsked, type SelectOptions, withJobs } from './asked.ts';
import { exitStatusOf } from './errors.ts';
import { eventLog, notStarted, type WriteEvent } from './event-log.ts';
import { EXIT } from './exit.ts';
import { runOnce, runWindows, tellErrors, writeNothingDue } from './job-runs.ts';
import { compileChosen } from './jobs.ts';
import { outputOf, withCommon } from './options.ts';
import { environmentOf, type OpenProject, shownPath } from './project.ts';
import { notRun } from './run-result.ts';
import type { Chosen } from './select.ts';
import { listenForInterrupt } from './signals.ts';
import { print, styleFor, tell } from './terminal.ts';
import { stateStoreOf } from './unset.ts';

interface RunOptions extends SelectOptions {
  fullRefresh?: boolean;
  events?: string;
  takeOver?: boolean;
}

export function define(command: Command): void {
  withJobs(withCommon(command, ['text', 'json']))
    .option('--full-refresh', 'forget what was loaded, load everything, and take the table’s place when that succeeded')
    .option('--take-over', 'also where a daemon serves the target')
    .option('--events <file>', 'append what happens to a file, a line of JSON each, for programs')
    .addHelpText('after', '\nCtrl-C stops a run before its commit; a second one ends this process at once.')
    .action(run);
}

async function run(names: string[], options: RunOptions): Promise<void> {
  const { project, chosen } = await openAsked(names, options);
  const stateStore = stateStoreOf(project);
  const style = styleFor(process.stderr);
  const interrupt = listenForInterrupt(() => {
    tell(style.yellow('Stopping; press Ctrl-C again to end at once.'));
  });
  const runner = new Runner(project, options, stateStore, interrupt.signal);
  let status: number = EXIT.done;
  try {
    if (options.select && runner.tellUnreadable()) status = EXIT.failed;
    const jobs = inOrder(chosen.map((one) => ({ chosen: one, job: runner.compile(one) })));
    for (const { chosen: one, job } of jobs) {
      if (interrupt.signal.aborted) break;
      if (one.selected && !(job instanceof SluiceError) && !job.enabled) {
        if (!options.quiet) tell(`${job.name}: passed over, it is switched off`);
        continue;
      }
      status = Math.max(status, await runner.run(one, job));
    }
  } finally {
    interrupt.dispose();
  }
  process.exitCode = interrupt.signal.aborted ? EXIT.interrupted : status;
}

interface Planned {
  chosen: Chosen;
  /** The error where it did not compile. */
  job: Job | SluiceError;
}

/** Those that others depend on first, else as they were named. */
function inOrder(planned: readonly Planned[]): Planned[] {
  const ordered = new Set<Planned>();
  const open = new Set<Planned>();
  const visit = (one: Planned): void => {
    if (ordered.has(one) || open.has(one)) return;
    open.add(one);
    const before = one.job instanceof SluiceError ? [] : one.job.depends_on;
    for (const other of planned) if (before.includes(other.chosen.name)) visit(other);
    ordered.add(one);
  };
  for (const one of planned) visit(one);
  return [...ordered];
}

/** Runs the chosen jobs one after the other and writes each one's result. */
class Runner {
  readonly #project: OpenProject;
  readonly #options: RunOptions;
  readonly #stateStore: string | null;
  readonly #events: WriteEvent;
  readonly #signal: AbortSignal;
  readonly #failed = new Set<string>();

  constructor(project: OpenProject, options: RunOptions, stateStore: string | null, signal: AbortSignal) {
    this.#project = project;
    this.#options = options;
    this.#stateStore = stateStore;
    this.#events = eventLog(options.events);
    this.#signal = signal;
  }

  compile(chosen: Chosen): Job | SluiceError {
    try {
      return compileChosen(this.#project, chosen, { quiet: this.#options.quiet === true, references: true });
    } catch (error) {
      if (error instanceof SluiceError) return error;
      throw error;
    }
  }

  /** Says which files a selection could not look at; true where there is one. */
  tellUnreadable(): boolean {
    const { unreadable } = this.#project;
    const errors = unreadable.map(({ file, reason }) => {
      const where = { path: shownPath(this.#project, file) };
      return new SluiceError('project/unreadable', 'config', `A job file cannot be read: ${reason}`, { where });
    });
    tellErrors(errors.map((error) => error.toJSON()));
    return errors.length > 0;
  }

  /** Gives the exit status of this job. */
  async run(chosen: Chosen, job: Job | SluiceError): Promise<number> {
    try {
      if (job instanceof SluiceError) throw job;
      this.#refuse(job);
      if (await this.#runs(chosen, job)) return EXIT.done;
      this.#failed.add(chosen.name);
      return EXIT.failed;
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      this.#failed.add(chosen.name);
      tellErrors([error.toJSON()]);
      const status = error.code === 'run/cancelled' ? 'cancelled' : 'failed';
      this.#events(chosen.name, notStarted(status, error.toJSON()));
      if (outputOf(this.#options) === 'json') {
        print(JSON.stringify(notRun(chosen.name, status, error.toJSON(), zeroCounts())));
      }
      return exitStatusOf(error);
    }
  }

  #refuse(job: Job): void {
    const where = { job: job.name, path: job.file };
    if (!job.enabled) {
      throw new SluiceError('job/disabled', 'config', `The job ${job.name} is switched off by \`enabled: false\``, {
        where,
        hint: 'Take the key out to run it.',
      });
    }
    const failed = job.depends_on.find((name) => this.#failed.has(name));
    if (failed === undefined) return;
    throw new SluiceError(
      'run/upstream',
      'terminal',
      `${job.name} was not run: ${failed}, which it depends on, failed`,
      {
        where,
      },
    );
  }

  /** Once, or for each window that is due; false where a run failed. */
  async #runs(chosen: Chosen, job: Job): Promise<boolean> {
    const means = {
      project: this.#project,
      options: this.#options,
      stateStore: this.#stateStore,
      events: this.#events,
      signal: this.#signal,
    };
    const wish = {
      kind: 'manual',
      fullRefresh: this.#options.fullRefresh === true,
      takeOver: this.#options.takeOver === true,
    } as const;
    if (windowedStreams(job, chosen.stream).length === 0) {
      return (await runOnce(means, chosen, job, wish)).status === 'succeeded';
    }
    if (wish.fullRefresh) throw windowedRefresh(job);
    const { dir: projectDir } = this.#project;
    const onWait = (holder: string) => tell(`Waiting: the warehouse is held by ${holder}`);
    const look = { projectDir, job, env: environmentOf(this.#project), stream: chosen.stream, onWait };
    // Looking at a destination loads the engine, which only the executor needs else.
    const { windowsToRun } = await import('../executor/windows.ts');
    const windows = await windowsToRun({ ...look, stateStore: this.#stateStore, signal: this.#signal }, Date.now());
    const others = job.streams.some((one) => one.enabled && one.incremental.type !== 'window');
    if (windows.length > 0) return runWindows(means, chosen, job, windows, wish);
    if (others && chosen.stream === null) return (await runOnce(means, chosen, job, wish)).status === 'succeeded';
    writeNothingDue(job, this.#options);
    return true;
  }
}

function windowedRefresh(job: Job): SluiceError {
  const message = `${job.name} loads window by window, so that there is no single load to swap in`;
  return new SluiceError('run/full-refresh', 'config', message, {
    where: { job: job.name },
    hint: 'Load the windows again: `sluice backfill JOB --from A --to B --force`.',
  });
}
