import { createInterface } from 'node:readline/promises';
import { usage } from './errors.ts';
import { tell } from './terminal.ts';

/**
 * Says what will happen and asks for leave. Without a terminal nobody can answer: then `--yes` has to be there. Throws
 * `usage/confirm`.
 */
export async function confirm(what: string, yes: boolean, quiet: boolean): Promise<void> {
  if (yes) {
    if (!quiet) tell(what);
    return;
  }
  tell(what);
  if (!process.stdin.isTTY || !process.stderr.isTTY) throw usage('confirm', 'Nothing was done: --yes is missing');
  const ask = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await ask.question('Do it? [y/N] ');
    if (!/^y(es)?$/i.test(answer.trim())) throw usage('confirm', 'Nothing was done');
  } finally {
    ask.close();
  }
}
