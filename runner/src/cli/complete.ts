import { Command } from 'commander';
import type { CommandEntry } from './entry.ts';

/** Commands whose arguments are jobs. */
const OF_JOBS: ReadonlySet<string> = new Set([
  ...[
    'run',
    'plan',
    'preview',
    'infer',
    'show',
    'next',
    'doctor',
    'start',
    'stop',
    'pause',
    'resume',
    'backfill',
    'logs',
    'runs',
  ],
  ...['state show', 'state reset', 'state restore', 'quarantine list', 'quarantine show', 'quarantine replay'],
]);

/**
 * What could stand for the last of the words: commands, options, values of an option, names of jobs and connections. Says nothing
 * where nothing is known, and never fails: it runs at each press of the Tab key.
 */
export async function complete(
  words: readonly string[],
  commands: Readonly<Record<string, CommandEntry>>,
): Promise<string[]> {
  const current = words.at(-1) ?? '';
  const [name = '', ...rest] = words.slice(0, -1);
  const starts = (all: readonly string[]) => all.filter((word) => word.startsWith(current));
  if (words.length <= 1) return starts([...Object.keys(commands), 'help', '--help', '--version']);
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!entry) return name === 'help' ? starts(Object.keys(commands)) : [];
  let command = new Command(name);
  (await entry.load()).define(command);
  let path = name;
  const sub = command.commands.find((one) => one.name() === rest[0]);
  if (sub) {
    path = `${name} ${sub.name()}`;
    command = sub;
  } else if (command.commands.length > 0) return starts(command.commands.map((one) => one.name()));
  const before = words.at(-2) ?? '';
  const option = command.options.find((one) => one.long === before || one.short === before);
  if (option?.argChoices) return starts(option.argChoices);
  if (option?.required) return option.long === '--job' ? starts(await jobNames()) : [];
  if (current.startsWith('-')) return starts(command.options.flatMap((one) => (one.long ? [one.long] : [])));
  const choices = command.registeredArguments.flatMap((one) => one.argChoices ?? []);
  if (choices.length > 0) return starts(choices);
  if (path === 'discover') return starts(await connectionNames());
  return OF_JOBS.has(path) ? starts(await jobNames()) : [];
}

async function project() {
  const { openProject } = await import('./project.ts');
  return openProject({});
}

async function jobNames(): Promise<string[]> {
  const open = await project();
  return [...open.jobs.values()].flatMap((document) => {
    const view = open.project.view(document, open.scope);
    if (view.name === undefined) return [];
    const streams = view.streams.length > 1 ? view.streams.map((stream) => `${view.name}/${stream.name}`) : [];
    return [view.name, ...streams];
  });
}

async function connectionNames(): Promise<string[]> {
  return [...(await project()).scope.connections.keys()];
}
