import { type Job, streamAddress } from '@sluice/core';
import { expandJob } from '../executor/expand.ts';
import { planRewind, type RewindPlan, rewind } from '../executor/rewind.ts';
import { type Asked, eachJob, openAsked, printJson, type SelectOptions } from './asked.ts';
import { confirm } from './confirm.ts';
import { usage } from './errors.ts';
import { compileChosen } from './jobs.ts';
import { outputOf } from './options.ts';
import type { Chosen } from './select.ts';
import { listenForInterrupt } from './signals.ts';
import { plural, print, printableLine, tell } from './terminal.ts';
import { stateStoreOf } from './unset.ts';

type RewindAsked = Parameters<typeof planRewind>[0];

export interface RewindOptions extends SelectOptions {
  yes?: boolean;
  to?: number;
}

export async function resetState(names: string[], options: RewindOptions): Promise<void> {
  await rewindStates(await openAsked(names, options), null, options);
}

export async function restoreState(names: string[], options: RewindOptions): Promise<void> {
  await rewindStates(await openAsked(names, options), options.to ?? 1, options);
}

/** Nothing is done before every job was looked at and leave was given for all of them. */
async function rewindStates(asked: Asked, to: number | null, options: RewindOptions): Promise<void> {
  const { project } = asked;
  const stateStore = stateStoreOf(project);
  const planned = new Map<Chosen, RewindAsked>();
  const texts: string[] = [];
  for (const one of asked.chosen) {
    const job = await jobOf(asked, one, to, options);
    const what = { projectDir: project.dir, job, stateStore, stream: one.stream, to };
    planned.set(one, what);
    texts.push(...(await planRewind(what)).map((plan) => effect(job, plan)));
  }
  if (texts.length > 0) await confirm(texts.join('\n'), options.yes === true, options.quiet === true);
  const interrupt = listenForInterrupt();
  const onWait = (holder: string) => tell(`Waiting: the warehouse is held by ${holder}`);
  try {
    const means = { env: project.env, signal: interrupt.signal, onWait };
    const results = await eachJob(asked, (one) => rewind({ ...planned.get(one)!, ...means }));
    if (outputOf(options) === 'json') return printJson(asked, results);
    for (const { one, result } of results) {
      for (const { stream, seq, checkpoint } of result) {
        const name = streamAddress(planned.get(one)!.job.name, stream);
        print(`${name}  commit ${seq}  ${printableLine(JSON.stringify(checkpoint))}`);
      }
    }
  } finally {
    interrupt.dispose();
  }
}

async function jobOf({ project }: Asked, one: Chosen, to: number | null, options: RewindOptions): Promise<Job> {
  const compiled = compileChosen(project, one, { quiet: options.quiet === true, references: true });
  const asked = { projectDir: project.dir, job: compiled, env: project.env, stateStore: stateStoreOf(project) };
  const job = await expandJob(asked, new AbortController().signal);
  if (to === null || one.stream !== null || job.streams.length <= 1) return job;
  const streams = job.streams.map((stream) => `${job.name}/${stream.name}`).join(', ');
  throw usage('stream', `The job ${job.name} has several streams, each with commits of its own: name one`, streams);
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
  return `${streamAddress(job.name, stream)} ${from}, ${plural(since.length, 'commit')}; ${after}.`;
}
