import { type Command, Option } from 'commander';
import { usage } from './errors.ts';

/** Options that every command takes. */
export interface CommonOptions {
  project?: string;
  target?: string;
  var?: Record<string, string>;
  output?: string;
  json?: boolean;
  quiet?: boolean;
  verbose?: boolean;
}

/** Adds the options that every command takes; `outputs` are the forms that this one's result has, the default first. */
export function withCommon(command: Command, outputs: readonly string[]): Command {
  return command
    .option('--project <dir>', 'project folder (default: the nearest sluice.yaml upward, else this folder)')
    .option('--target <name>', 'target of the project (default: its default one)')
    .option('--var <name=value>', 'value of a variable; may be repeated', collectVariable)
    .addOption(new Option('-o, --output <form>', 'form of the result').choices(outputs).default(outputs[0]))
    .option('--json', 'the same as -o json')
    .option('-q, --quiet', 'say nothing but errors beside the result')
    .option('-v, --verbose', 'say more beside the result');
}

function collectVariable(text: string, before: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf('=');
  if (at <= 0) throw usage('variable', `--var wants name=value, not ${text}`);
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

/** The form of the result. */
export function outputOf(options: CommonOptions): string {
  return options.json ? 'json' : (options.output ?? 'text');
}

/** Reads a whole number of at least 1; `name` is the option's. */
export function positive(name: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d{1,9}$/.test(text) || value < 1) throw usage('number', `${name} wants a whole number from 1, not ${text}`);
    return value;
  };
}
