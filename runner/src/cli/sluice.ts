#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import type { CommandEntry } from './entry.ts';
import { EXIT } from './exit.ts';

// Nothing of core is imported here: it takes longer to load than help takes to print.

const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  init: { summary: 'make a project that runs at once', load: () => import('./init.ts') },
  validate: { summary: 'say what is wrong with the files of a project', load: () => import('./validate.ts') },
  fmt: { summary: 'lay out the files of a project, comments kept', load: () => import('./fmt.ts') },
  run: { summary: 'run jobs now', load: () => import('./run.ts') },
  plan: { summary: 'show what differs between the files and what is applied', load: () => import('./plan.ts') },
  apply: { summary: 'make what is applied equal to the files', load: () => import('./apply.ts') },
  daemon: { summary: 'follow the files and run jobs when they are due', load: () => import('./daemon.ts') },
  list: { summary: 'list the jobs that are applied', load: () => import('./list.ts') },
  start: { summary: 'have a daemon run a job now', load: () => import('./start.ts') },
  stop: { summary: 'stop a run, or all runs of a job', load: () => import('./stop.ts') },
  pause: { summary: 'let the schedule of a job rest', load: () => import('./pause.ts') },
  resume: { summary: 'let the schedule of a job go on', load: () => import('./resume.ts') },
  runs: { summary: 'list runs, the newest first', load: () => import('./runs.ts') },
  logs: { summary: 'show the log of a run, and follow it', load: () => import('./logs.ts') },
  backfill: { summary: 'load windows, or a stretch of a cursor, again or late', load: () => import('./backfill.ts') },
  preview: { summary: 'show the first rows of a job; nothing is written', load: () => import('./preview.ts') },
  infer: { summary: 'say what a source holds, and why; write it into the job', load: () => import('./infer.ts') },
  sql: { summary: 'query the embedded warehouse or a job’s destination', load: () => import('./sql.ts') },
  show: { summary: 'print a job with everything that is laid under it', load: () => import('./show.ts') },
  doctor: { summary: 'try what jobs need: reach, list, read, write', load: () => import('./doctor.ts') },
  discover: { summary: 'show what a connection holds, and write jobs for it', load: () => import('./discover.ts') },
  quarantine: { summary: 'show rows that were set aside, and run them again', load: () => import('./quarantine.ts') },
  next: { summary: 'show when a job fires next', load: () => import('./next.ts') },
  token: { summary: 'make, list and revoke tokens of the HTTP API', load: () => import('./token.ts') },
  import: { summary: 'make job files of the origin’s API JSON', load: () => import('./import.ts') },
  schema: { summary: 'print the JSON Schema of job or project files', load: () => import('./schema.ts') },
  completion: { summary: 'print a script by which a shell completes', load: () => import('./completion.ts') },
  'columns-worker': {
    summary: 'read names and types of columns for an editor',
    load: () => import('./columns-worker.ts'),
  },
  lsp: { summary: 'start the language server on stdin and stdout, for editors', load: () => import('./lsp.ts') },
  notifications: { summary: 'show who was told what, and try channels', load: () => import('./notifications.ts') },
  secret: { summary: 'keep secrets, encrypted in the state store', load: () => import('./secret.ts') },
  state: { summary: 'show, set back, export and import checkpoints and history', load: () => import('./state.ts') },
};

const EXITS = `
Exit status: 0 done, 1 the run or the validation failed, 2 wrong usage or unreadable project,
3 a plan that is not empty (--assert-empty), 130 interrupted.
The result goes to stdout, all else to stderr.`;

async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('sluice')
    .description('Declarative data ingestion as code')
    .version(await version(argv), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .exitOverride()
    .addHelpText('after', EXITS);
  for (const [name, { summary, load }] of Object.entries(COMMANDS)) {
    const command = program.command(name).description(summary).exitOverride();
    if (argv.includes(name)) (await load()).define(command);
  }
  await program.parseAsync([...argv], { from: 'user' });
}

/** The answer to a shell's question; a project that cannot be read has nothing to offer. */
async function suggest(words: readonly string[]): Promise<void> {
  const { complete } = await import('./complete.ts');
  const found = await complete(words, COMMANDS).catch(() => []);
  process.stdout.write(found.map((word) => `${word}\n`).join(''));
}

async function version(argv: readonly string[]): Promise<string> {
  if (!argv.includes('-V') && !argv.includes('--version')) return '';
  return `sluice ${(await import('@sluice/core')).VERSION}`;
}

/** Whoever reads our output may stop reading: `sluice sql … | head`. A run goes on, and its exit status tells. */
for (const output of [process.stdout, process.stderr]) {
  output.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

const argv = process.argv.slice(2);
try {
  if (argv[0] === '__complete') await suggest(argv.slice(1));
  else await main(argv);
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has written what there is to say; help and version are what was asked for.
    process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.usage;
    if (error.exitCode !== 0 && error.code !== 'commander.help') process.stderr.write('See `sluice --help`.\n');
  } else {
    const { report } = await import('./errors.ts');
    process.exitCode = report(error, argv.includes('--verbose') || argv.includes('-v'));
  }
}
