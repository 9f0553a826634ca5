import type { Command } from 'commander';
import { withJobs } from './asked.ts';
import { positive, withCommon } from './options.ts';

export function define(command: Command): void {
  const show = command.command('show').description('the checkpoint of each stream of a job, with its history');
  withJobs(withCommon(show, ['text', 'json']))
    .exitOverride()
    .action(async (names, options) => (await import('./state-show.ts')).showState(names, options));
  const reset = command
    .command('reset')
    .description('forget what was loaded: the next run loads everything; rows stay');
  withJobs(withCommon(reset, ['text', 'json']))
    .option('--yes', 'do not ask')
    .exitOverride()
    .action(async (names, options) => (await import('./state-rewind.ts')).resetState(names, options));
  const restore = command.command('restore').description('go back to an earlier checkpoint; rows stay');
  withJobs(withCommon(restore, ['text', 'json']))
    .requiredOption('--to <seq>', 'number of the commit, as `state show` lists them', positive('--to'))
    .option('--yes', 'do not ask')
    .exitOverride()
    .action(async (names, options) => (await import('./state-rewind.ts')).restoreState(names, options));
  withCommon(command.command('export').description('write the project’s state to a file: runs, checkpoints, logs'), [
    'text',
    'json',
  ])
    .argument('[file]', 'file to write (default: stdout)', '-')
    .option('--all', 'of every project in the state store')
    .exitOverride()
    .action(async (file, options) => (await import('./state-transfer.ts')).exportState(file, options));
  withCommon(command.command('import').description('read an exported state into this state store'), ['text', 'json'])
    .argument('<file>', 'exported file, `-` for stdin')
    .exitOverride()
    .action(async (file, options) => (await import('./state-transfer.ts')).importState(file, options));
}
