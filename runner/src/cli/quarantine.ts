import type { Command } from 'commander';
import { withJobs } from './asked.ts';
import { positive, withCommon } from './options.ts';
import { ROW_FORMS } from './table.ts';

export function define(command: Command): void {
  const list = command.command('list').description('how many rows of a job were set aside, and why');
  withJobs(withCommon(list, ROW_FORMS))
    .exitOverride()
    .action(async (names, options) => (await import('./quarantine-show.ts')).listQuarantine(names, options));
  const show = command.command('show').description('the rows that were set aside, as they are kept');
  withJobs(withCommon(show, ROW_FORMS))
    .option('--rows <n>', 'rows to show', positive('--rows'), 20)
    .option('--code <code>', 'those of one code alone, such as type/value')
    .option('--all', 'those that were replayed too')
    .exitOverride()
    .action(async (names, options) => (await import('./quarantine-show.ts')).showQuarantine(names, options));
  const replay = command.command('replay').description('run them through the job again, each once');
  withJobs(withCommon(replay, ['text', 'json']))
    .addHelpText(
      'after',
      '\nRows that were no columns are parsed by the format as it is now, rows of a bad type go through the whole job, rows of a\nfailed check behind its transforms. Those that fail again are\nset aside anew. A merge writes over what later files brought for the same key.',
    )
    .exitOverride()
    .action(async (names, options) => (await import('./quarantine-replay.ts')).replayQuarantine(names, options));
}
