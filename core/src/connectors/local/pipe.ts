import { constants, createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { isatty } from 'node:tty';
import type { Split, SplitsRequest } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';

/** The process's own standard input, whatever it is: a socket or a file cannot be opened again by this name. */
export const STDIN = '/dev/stdin';

/**
 * What comes through a pipe until it is closed, as one split whose bytes lie in the spool: they cannot be read twice. It is no
 * file to the ledger, so that every run loads what comes. Throws `source/pipe` where nothing comes, and to all but a run.
 */
export async function readPipe(
  path: string,
  name: string,
  request: SplitsRequest,
  signal: AbortSignal,
): Promise<Split> {
  if (!request.once)
    throw pipeError(`${name} is a pipe, which can be read once: only a run does`, 'Look at a file instead.');
  if (path === STDIN && isatty(0)) throw pipeError('Nothing is piped into this run', HINT);
  await mkdir(request.spool, { recursive: true });
  const full = join(request.spool, 'pipe');
  const release = () => void openFor(path);
  signal.addEventListener('abort', release, { once: true });
  try {
    const from = path === STDIN ? createReadStream('', { fd: 0, autoClose: false }) : createReadStream(path);
    await pipeline(from, createWriteStream(full), { signal });
  } finally {
    signal.removeEventListener('abort', release);
  }
  const { size } = await stat(full);
  if (size === 0) throw pipeError(`Nothing came through ${name}`, HINT);
  return { ordinal: 0, bytes: size, file: null, detail: { full, name } };
}

const HINT = `Pipe data into it, such as \`cat orders.csv | sluice run orders\`; a run that is tried again has to be given it again.`;

function pipeError(message: string, hint: string): SluiceError {
  return new SluiceError('source/pipe', 'config', message, { hint });
}

/** A pipe that nobody writes is opened no further than to wait: another end lets go of it. */
async function openFor(path: string): Promise<void> {
  if (path === STDIN) return;
  const handle = await open(path, constants.O_WRONLY | constants.O_NONBLOCK).catch(() => null);
  await handle?.close();
}
