import type { Command } from 'commander';
import { positive, withCommon } from './options.ts';
import { ROW_FORMS } from './table.ts';

const JOB = 'the job’s NAME, NAME/STREAM or path';

export function define(command: Command): void {
  const list = command.command('list').description('how many rows of a job were set aside, and why');
  withCommon(list, ROW_FORMS)
    .argument('<job>', JOB)
    .exitOverride()
    .action(async (name, options) => (await import('./quarantine-show.ts')).listQuarantine(name, options));
  const show = command.command('show').description('the rows that were set aside, as they are kept');
  withCommon(show, ROW_FORMS)
    .argument('<job>', JOB)
    .option('--rows <n>', 'rows to show', positive('--rows'), 20)
    .option('--code <code>', 'those of one code alone, such as type/value')
    .option('--all', 'those that were replayed too')
    .exitOverride()
    .action(async (name, options) => (await import('./quarantine-show.ts')).showQuarantine(name, options));
  const replay = command.command('replay').description('run them through the job again, each once');
  withCommon(replay, ['text', 'json'])
    .argument('<job>', JOB)
    .addHelpText(
      'after',
      '\nRows of a bad type go through the whole job, rows of a failed check behind its transforms. Those that fail again are\nset aside anew. A merge writes over what later files brought for the same key.',
    )
    .exitOverride()
    .action(async (name, options) => (await import('./quarantine-replay.ts')).replayQuarantine(name, options));
}
