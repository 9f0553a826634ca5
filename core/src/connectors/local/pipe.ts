import { close, constants, createWriteStream, open as openFile } from 'node:fs';
import { mkdir, open, stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { isatty } from 'node:tty';
import { promisify } from 'node:util';
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
  const from = path === STDIN ? standardInput() : await openedPipe(path, signal);
  await pipeline(from, createWriteStream(full), { signal });
  const { size } = await stat(full);
  if (size === 0) throw pipeError(`Nothing came through ${name}`, HINT);
  return { ordinal: 0, bytes: size, file: null, detail: { full, name } };
}

const HINT = `Pipe data into it, such as \`cat orders.csv | sluice run orders\`; a run that is tried again has to be given it again.`;

function pipeError(message: string, hint: string): SluiceError {
  return new SluiceError('source/pipe', 'config', message, { hint });
}

/** Node's own stream waits for bytes without a thread that would wait on after a stop. What was read before has nothing left. */
function standardInput(): Readable {
  return process.stdin.readableEnded || process.stdin.destroyed ? Readable.from([]) : process.stdin;
}

const LOOK_MS = 20;

/** The reading end of a named pipe, once somebody writes it. */
async function openedPipe(path: string, signal: AbortSignal): Promise<Readable> {
  signal.throwIfAborted();
  let opened = false;
  // Opening waits in the system, until there is another end: after a stop that is ours.
  const letGo = async () => {
    while (!opened) {
      const end = await open(path, constants.O_WRONLY | constants.O_NONBLOCK).catch(() => null);
      await end?.close();
      await pause(LOOK_MS);
    }
  };
  const release = () => void letGo();
  signal.addEventListener('abort', release, { once: true });
  try {
    const fd = await promisify(openFile)(path, constants.O_RDONLY);
    if (!signal.aborted) return new Socket({ fd, readable: true, writable: false });
    close(fd);
    throw signal.reason;
  } finally {
    opened = true;
    signal.removeEventListener('abort', release);
  }
}
