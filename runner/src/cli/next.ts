import { formatLocal, type Job, nextFires, parseCron, SluiceError, scheduleBounds } from '@sluice/core';
import type { Command } from 'commander';
import { askedName, eachJob, openAsked, printJson, type SelectOptions, withJobs } from './asked.ts';
import { usage } from './errors.ts';
import { compileChosen } from './jobs.ts';
import { outputOf, positive, withCommon } from './options.ts';
import { print, styleFor } from './terminal.ts';

interface NextOptions extends SelectOptions {
  from?: string;
  count: number;
}

export function define(command: Command): void {
  withJobs(withCommon(command, ['text', 'json']))
    .option('--from <time>', 'fires after this time, ISO 8601 (default: now)')
    .option('-n, --count <number>', 'how many', positive('-n'), 10)
    .action(next);
}

async function next(names: string[], options: NextOptions): Promise<void> {
  const asked = await openAsked(names, options);
  const from = startOf(options.from);
  const results = await eachJob(asked, async (one) => {
    const job = compileChosen(asked.project, one, { quiet: options.quiet === true, references: false });
    return job.schedule === null && one.selected ? [] : firesOf(job, from, options.count);
  });
  if (outputOf(options) === 'json') return printJson(asked, results);
  for (const { one, result } of results) {
    const indent = asked.several ? '  ' : '';
    if (asked.several) print(styleFor(process.stdout).bold(askedName(one)));
    print(result.map(({ at, local }) => `${indent}${at}  ${local}`).join('\n') || `${indent}no further fire`);
  }
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
  return nextFires(parsed.cron, schedule.timezone, from, count, scheduleBounds(schedule)).map((at) => ({
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
