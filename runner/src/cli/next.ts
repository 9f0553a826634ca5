import { formatLocal, type Job, nextFires, parseCron, SluiceError } from '@sluice/core';
import type { Command } from 'commander';
import { usage } from './errors.ts';
import { compileChosen } from './jobs.ts';
import { type CommonOptions, outputOf, positive, withCommon } from './options.ts';
import { openProject } from './project.ts';
import { chooseJob, isPath } from './select.ts';
import { print } from './terminal.ts';

interface NextOptions extends CommonOptions {
  from?: string;
  count: number;
}

export function define(command: Command): void {
  withCommon(command, ['text', 'json'])
    .argument('<job>', 'the job’s NAME or path')
    .option('--from <time>', 'fires after this time, ISO 8601 (default: now)')
    .option('-n, --count <number>', 'how many', positive('-n'), 10)
    .action(next);
}

async function next(name: string, options: NextOptions): Promise<void> {
  const project = await openProject(options, isPath(name) ? [name] : []);
  const job = compileChosen(project, chooseJob(project, name), { quiet: options.quiet === true, references: false });
  const fires = firesOf(job, startOf(options.from), options.count);
  if (outputOf(options) === 'json') print(JSON.stringify(fires, null, 2));
  else print(fires.map(({ at, local }) => `${at}  ${local}`).join('\n') || 'no further fire');
}

/** The fires of a job after an instant, in UTC and on the clock of its zone. Throws `schedule/none`. */
function firesOf(job: Job, from: number, count: number): { at: string; local: string }[] {
  const { schedule } = job;
  const parsed = schedule && parseCron(schedule.cron);
  if (!schedule || !parsed?.ok) {
    throw new SluiceError('schedule/none', 'config', `The job ${job.name} has no schedule`, {
      where: { job: job.name },
      hint: 'Write `schedule: "0 2 * * *"` in its file.',
    });
  }
  const bound = (text: string | null) => (text === null ? {} : { at: Date.parse(text) });
  const start = bound(schedule.start).at;
  const end = bound(schedule.end).at;
  const bounds = { ...(start === undefined ? {} : { start }), ...(end === undefined ? {} : { end }) };
  return nextFires(parsed.cron, schedule.timezone, from, count, bounds).map((at) => ({
    at: new Date(at).toISOString(),
    local: formatLocal(at, schedule.timezone),
  }));
}

function startOf(text: string | undefined): number {
  if (text === undefined) return Date.now();
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw usage('time', `--from wants a time such as 2026-03-01T00:00:00Z, not ${text}`);
  return time;
}
