import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../dist/sluice.js', import.meta.url));

export interface DaemonProcess {
  child: ChildProcess;
  /** Resolves once it serves; rejects where it ends before. */
  started: Promise<void>;
  ended: Promise<{ code: number | null; signal: string | null }>;
  /** What its log says so far, line by line. */
  log: { level: string; msg: string; [field: string]: unknown }[];
  stdout(): string;
}

export interface DaemonStart {
  cwd: string;
  env: Record<string, string>;
  flags?: string[];
  /** Its clock is ahead by this many milliseconds. */
  ahead?: number;
}

/** Starts `sluice daemon` as a user would, without an API unless the flags say so. */
export function startDaemon({ cwd, env, flags = ['--no-api'], ahead = 0 }: DaemonStart): DaemonProcess {
  const skew = `--import data:text/javascript,${encodeURIComponent(wrongClock(ahead))}`;
  const child = spawn(process.execPath, [CLI, 'daemon', ...flags], {
    cwd,
    env: { ...process.env, ...env, ...(ahead === 0 ? {} : { NODE_OPTIONS: skew }) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log: DaemonProcess['log'] = [];
  let stdout = '';
  let rest = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) log.push(line.startsWith('{') ? JSON.parse(line) : { level: 'text', msg: line });
  });
  const ended = new Promise<Awaited<DaemonProcess['ended']>>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
  const started = new Promise<void>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      if (stdout.includes('Ctrl-C ends it')) resolve();
    });
    void ended.then(({ code, signal }) => {
      reject(new Error(`the daemon ended: ${code ?? signal}\n${log.map((line) => line.msg).join('\n')}`));
    });
  });
  started.catch(() => undefined);
  return { child, started, ended, log, stdout: () => stdout };
}

/** A module that sets the clock of its process ahead. */
function wrongClock(ahead: number): string {
  return `const Right = Date; globalThis.Date = class Date extends Right {
    constructor(...parts) { if (parts.length === 0) super(Right.now() + ${ahead}); else super(...parts); }
    static now() { return Right.now() + ${ahead}; }
  };`;
}
