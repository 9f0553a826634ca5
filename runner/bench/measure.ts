import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';

export interface Command {
  label: string;
  argv: string[];
  cwd?: string;
  env?: Record<string, string>;
  /** Text for standard input. */
  input?: string;
}

/** A tool that takes longer is given up: its row says so. */
const LONGEST_MS = 180_000;

export interface Sample {
  seconds: number;
  /** Greatest resident memory of the process and its children together, in bytes; 0 where the system does not tell. */
  peak: number;
}

/** Runs a command as a whole process and measures it; throws with its last output where it fails. */
export async function runOnce(command: Command): Promise<Sample> {
  const started = process.hrtime.bigint();
  const [program = '', ...args] = command.argv;
  const child = spawn(program, args, {
    cwd: command.cwd,
    env: { ...process.env, ...command.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.end(command.input ?? '');
  let tail = '';
  const keep = (chunk: Buffer) => {
    tail = (tail + chunk.toString('utf8')).slice(-4000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const memory = watchMemory(child);
  const late = setTimeout(() => child.kill('SIGKILL'), LONGEST_MS);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  clearTimeout(late);
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  const peak = memory();
  if (seconds * 1000 >= LONGEST_MS) throw new Error(`it took more than ${LONGEST_MS / 1000} s`);
  if (code !== 0) throw new Error(`${command.label} ended with ${code}: ${tail}`);
  return { seconds, peak };
}

function watchMemory(child: ChildProcess): () => number {
  let peak = 0;
  const timer = setInterval(async () => {
    peak = Math.max(peak, await treeMemory(child.pid ?? 0));
  }, 100);
  return () => {
    clearInterval(timer);
    return peak;
  };
}

/** Resident bytes of a process and all below it (Linux /proc; elsewhere 0). */
async function treeMemory(pid: number): Promise<number> {
  const statm = await readFile(`/proc/${pid}/statm`, 'utf8').catch(() => '');
  const own = Number(statm.split(' ')[1] ?? 0) * 4096;
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const below = await Promise.all(
    children
      .split(' ')
      .filter(Boolean)
      .map((c) => treeMemory(Number(c))),
  );
  return below.reduce((sum, bytes) => sum + bytes, own);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
