import type { Job } from '@sluice/core';
import { expandJob } from '../executor/expand.ts';
import { planRewind, type RewindPlan, rewind } from '../executor/rewind.ts';
import { confirm } from './confirm.ts';
import { usage } from './errors.ts';
import { compileChosen } from './jobs.ts';
import { type CommonOptions, outputOf } from './options.ts';
import { openProject } from './project.ts';
import { chooseJob, isPath } from './select.ts';
import { listenForInterrupt } from './signals.ts';
import { plural, print, printableLine, tell } from './terminal.ts';
import { stateStoreOf } from './unset.ts';

export interface RewindOptions extends CommonOptions {
  yes?: boolean;
  to?: number;
}

export function resetState(name: string, options: RewindOptions): Promise<void> {
  return rewindState(name, null, options);
}

export async function restoreState(name: string, options: RewindOptions): Promise<void> {
  await rewindState(name, options.to ?? 1, options);
}

async function rewindState(name: string, to: number | null, options: RewindOptions): Promise<void> {
  const project = await openProject(options, isPath(name) ? [name] : []);
  const chosen = chooseJob(project, name);
  const compiled = compileChosen(project, chosen, { quiet: options.quiet === true, references: true });
  const asked = { projectDir: project.dir, job: compiled, env: project.env };
  const job = await expandJob(asked, new AbortController().signal);
  if (to !== null && chosen.stream === null && job.streams.length > 1) {
    const streams = job.streams.map((stream) => `${job.name}/${stream.name}`).join(', ');
    throw usage('stream', `The job ${job.name} has several streams, each with commits of its own: name one`, streams);
  }
  const stateStore = stateStoreOf(project);
  const what = { projectDir: project.dir, job, stateStore, stream: chosen.stream, to };
  const plans = await planRewind(what);
  const text = plans.map((plan) => effect(job, plan)).join('\n');
  await confirm(text, options.yes === true, options.quiet === true);
  const interrupt = listenForInterrupt();
  try {
    const onWait = (holder: string) => tell(`Waiting: the warehouse is held by ${holder}`);
    const done = await rewind({ ...what, env: project.env, signal: interrupt.signal, onWait });
    if (outputOf(options) === 'json') print(JSON.stringify(done, null, 2));
    else
      print(
        done
          .map(
            ({ stream, seq, checkpoint }) =>
              `${shown(job, stream)}  commit ${seq}  ${printableLine(JSON.stringify(checkpoint))}`,
          )
          .join('\n'),
      );
  } finally {
    interrupt.dispose();
  }
}

function shown(job: Job, stream: string): string {
  return stream === job.name ? stream : `${job.name}/${stream}`;
}

/** What the next run will do, where the rows of the table stay as they are. */
function effect(job: Job, { stream, target, since }: RewindPlan): string {
  const rows = since.reduce((sum, one) => sum + one.rows, 0);
  const from =
    target === null ? 'forgets all that was loaded' : `goes back to commit ${target.seq} of ${target.committed_at}`;
  const disposition = job.streams.find(({ name }) => name === stream)?.destination.write_disposition;
  const after = {
    append: `the next run adds again what these loaded: ${plural(rows, 'row')} (\`sluice run --full-refresh\` would replace the table)`,
    merge: 'the next run merges again what these loaded',
    replace: 'the next run replaces the table as every run does',
  }[disposition ?? 'append'];
  return `${shown(job, stream)} ${from}, ${plural(since.length, 'commit')}; ${after}.`;
}
