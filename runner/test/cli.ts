import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SLUICE = fileURLToPath(new URL('../dist/sluice.js', import.meta.url));

export interface CliResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface CliOptions {
  cwd: string;
  env?: Record<string, string>;
  /** Files' modes bind the command even where root starts it. */
  obeysModes?: boolean;
  /** What it is given on its standard input; left out: nothing; null: it stays open, and nothing comes. */
  stdin?: string | null;
}

/** Root without the right to pass over modes (util-linux). */
const WITHOUT_RIGHTS = ['setpriv', '--bounding-set=-dac_override,-dac_read_search'];

/** Starts the built command, as a user would. Only what is given is in its environment. */
export function startSluice(
  args: readonly string[],
  options: CliOptions,
): { child: ChildProcess; ended: Promise<CliResult> } {
  const { PATH = '', HOME = '', TMPDIR } = process.env;
  const prefix = options.obeysModes && process.getuid?.() === 0 ? WITHOUT_RIGHTS : [];
  const [program = '', ...rest] = [...prefix, process.execPath, SLUICE, ...args];
  const child = spawn(program, rest, {
    cwd: options.cwd,
    env: { PATH, HOME, ...(TMPDIR === undefined ? {} : { TMPDIR }), ...options.env },
    stdio: [options.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  if (typeof options.stdin === 'string') child.stdin?.end(options.stdin);
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  const ended = new Promise<CliResult>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
  return { child, ended };
}

export function sluice(args: readonly string[], options: CliOptions): Promise<CliResult> {
  return startSluice(args, options).ended;
}

/** A folder of its own for a test, with these files in it. */
export async function folderWith(files: Record<string, string>): Promise<{ dir: string; remove(): Promise<void> }> {
  const dir = await realpath(await mkdtemp(join(tmpdir(), 'sluice-cli-')));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, name)), { recursive: true });
    await writeFile(join(dir, name), text);
  }
  return { dir, remove: () => rm(dir, { recursive: true, force: true }) };
}
