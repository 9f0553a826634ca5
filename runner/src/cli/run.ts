import { type Job, SluiceError, type SluiceErrorJson, zeroCounts } from '@sluice/core';
import type { Command } from 'commander';
import type { RunResult } from '../executor/api.ts';
import { startRun } from '../executor/start.ts';
import { exitStatusOf, renderError } from './errors.ts';
import { EXIT } from './exit.ts';
import { compileChosen } from './jobs.ts';
import { type CommonOptions, outputOf, withCommon } from './options.ts';
import { progressFor } from './progress.ts';
import { environmentOf, type OpenProject, openProject, shownPath } from './project.ts';
import { notRun, runLine, runText } from './run-result.ts';
import { type Chosen, chooseJobs, isPath } from './select.ts';
import { listenForInterrupt } from './signals.ts';
import { print, styleFor, tell } from './terminal.ts';
import { stateStoreOf } from './unset.ts';

interface RunOptions extends CommonOptions {
  select?: string[];
  fullRefresh?: boolean;
}

export function define(command: Command): void {
  withCommon(command, ['text', 'json'])
    .argument('[job...]', 'a job’s NAME, NAME/STREAM or path')
    .option('--select <selector...>', 'jobs by tag:NAME, owner:NAME, path:GLOB or connection:NAME')
    .option('--full-refresh', 'forget what was loaded, load everything, and take the table’s place when that succeeded')
    .addHelpText('after', '\nCtrl-C stops a run before its commit; a second one ends this process at once.')
    .action(run);
}

async function run(names: string[], options: RunOptions): Promise<void> {
  const project = await openProject(options, names.filter(isPath));
  const chosen = chooseJobs(project, names, options.select ?? []);
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
  readonly #signal: AbortSignal;
  readonly #failed = new Set<string>();

  constructor(project: OpenProject, options: RunOptions, stateStore: string | null, signal: AbortSignal) {
    this.#project = project;
    this.#options = options;
    this.#stateStore = stateStore;
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
    this.#tell(errors.map((error) => error.toJSON()));
    return errors.length > 0;
  }

  /** Gives the exit status of this job. */
  async run(chosen: Chosen, job: Job | SluiceError): Promise<number> {
    try {
      if (job instanceof SluiceError) throw job;
      this.#refuse(job);
      const result = await this.#start(chosen, job);
      this.#write(result);
      if (result.status === 'succeeded') return EXIT.done;
      this.#failed.add(chosen.name);
      return EXIT.failed;
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      this.#failed.add(chosen.name);
      this.#tell([error.toJSON()]);
      const status = error.code === 'run/cancelled' ? 'cancelled' : 'failed';
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

  async #start(chosen: Chosen, job: Job): Promise<RunResult> {
    const { dir, vars } = this.#project;
    const progress = progressFor(this.#options);
    try {
      return await startRun(
        {
          projectDir: dir,
          job,
          vars,
          env: environmentOf(this.#project),
          stream: chosen.stream,
          fullRefresh: this.#options.fullRefresh === true,
          kind: 'manual',
          stateStore: this.#stateStore,
        },
        (event) => progress.on(event),
        this.#signal,
      );
    } finally {
      progress.end();
    }
  }

  #write(result: RunResult): void {
    const errors = result.streams.flatMap((stream) => (stream.error ? [stream.error] : []));
    const own = result.error;
    if (own && !errors.some((error) => error.code === own.code && error.message === own.message)) errors.unshift(own);
    this.#tell(errors);
    if (outputOf(this.#options) === 'json') print(JSON.stringify(runLine(result)));
    else print(runText(result, styleFor(process.stdout)));
  }

  #tell(errors: readonly SluiceErrorJson[]): void {
    for (const error of errors) tell(renderError(error, styleFor(process.stderr)));
  }
}
