import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { parseDuration } from '@sluice/core';
import { notSent, type Send } from './channel.ts';

/** How much of what a command writes to stderr is kept for the error. */
const TAIL = 500;

/** A program that gets the notification as JSON on its standard input; no shell reads any of it. */
export const sendCommand: Send = (fields, settings, { projectDir, signal }) => {
  const [program = '', ...args] = settings.command as string[];
  const path = program.includes('/') ? resolve(projectDir, program) : program;
  const { PATH = '', HOME = '' } = process.env;
  const timeout = parseDuration(String(settings.timeout)) ?? 30_000;
  return new Promise((done, fail) => {
    // A group of its own, so that what it started ends with it.
    const child = spawn(path, args, {
      cwd: projectDir,
      env: { PATH, HOME },
      stdio: ['pipe', 'ignore', 'pipe'],
      detached: process.platform !== 'win32',
    });
    let tail = '';
    let late = false;
    const end = () => {
      late = true;
      if (child.pid === undefined) return;
      try {
        process.kill(process.platform === 'win32' ? child.pid : -child.pid, 'SIGKILL');
      } catch {
        // It has ended.
      }
    };
    const timer = setTimeout(end, timeout);
    signal.addEventListener('abort', end, { once: true });
    const finish = (error: Error | null) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      if (error) fail(error);
      else done();
    };
    child.stderr.on('data', (chunk: Buffer) => {
      tail = (tail + chunk.toString('utf8')).slice(-TAIL);
    });
    child.on('error', (error: NodeJS.ErrnoException) => {
      finish(
        notSent(
          'config',
          `The command ${program} cannot be started (${error.code})`,
          'Check `command` of the channel.',
        ),
      );
    });
    child.on('close', (code) => {
      if (code === 0) return finish(null);
      const how = late ? `took longer than ${settings.timeout}` : `ended with exit status ${code}`;
      const said = tail.trim() === '' ? '' : `: ${tail.trim()}`;
      finish(
        notSent(
          'transient',
          `The command ${program} ${how}${said}`,
          'Try it by hand with the JSON on its standard input.',
        ),
      );
    });
    // A program that reads nothing closes the pipe.
    child.stdin.on('error', () => undefined);
    child.stdin.end(`${JSON.stringify(fields)}\n`);
  });
};
