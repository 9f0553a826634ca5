import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { SluiceError } from '@sluice/core';

const run = promisify(execFile);

const LONGEST_MS = 300_000;

/** Settings under which a repository that is not trusted runs nothing of its own and asks nobody. */
const SAFE = ['-c', 'core.hooksPath=/dev/null', '-c', 'protocol.ext.allow=never', '-c', 'core.fsmonitor=false'];

/** A hook of git's that starts us names its own repository. */
function withoutRepository({ GIT_DIR: _, GIT_WORK_TREE: __, GIT_INDEX_FILE: ___, ...env }: NodeJS.ProcessEnv) {
  return env;
}

/** Runs git and gives what it printed. Throws `repo/git` (transient) with the last line that git wrote. */
export async function git(args: readonly string[], { signal }: { signal?: AbortSignal } = {}): Promise<string> {
  try {
    const { stdout } = await run('git', [...SAFE, ...args], {
      timeout: LONGEST_MS,
      maxBuffer: 16_000_000,
      env: { ...withoutRepository(process.env), GIT_TERMINAL_PROMPT: '0' },
      ...(signal ? { signal } : {}),
    });
    return stdout;
  } catch (error) {
    const text = String((error as { stderr?: unknown }).stderr ?? (error as Error).message).trim();
    const last = (text.split('\n').at(-1) ?? text).replaceAll(/:\/\/[^@/\s]*@/g, '://');
    throw new SluiceError('repo/git', 'transient', `git could not do it: ${last}`, {
      hint: 'Check that the repository can be reached with the rights of the daemon’s user: `git ls-remote URL`.',
    });
  }
}

/** The folder where git keeps what it knows of a checkout; null: it is none. */
export async function gitFolder(folder: string): Promise<string | null> {
  if (!existsSync(folder)) return null;
  const found = await git(['-C', folder, 'rev-parse', '--git-dir']).catch(() => null);
  return found === null ? null : resolve(folder, found.trim());
}

/** Whether git is in the middle of changing the files of a checkout. */
export function isSwitching(gitDir: string | null): boolean {
  return gitDir !== null && ['index.lock', 'HEAD.lock'].some((name) => existsSync(join(gitDir, name)));
}

/** Whether a revision is `ancestor` or comes after it; false too where the checkout does not know one of them. */
export async function descends(folder: string, ancestor: string, revision: string): Promise<boolean> {
  const [from, to] = [ancestor, revision].map((name) => name.replace(/-dirty$/, ''));
  if (from === undefined || to === undefined || from === to) return true;
  return git(['-C', folder, 'merge-base', '--is-ancestor', from, to]).then(
    () => true,
    () => false,
  );
}
