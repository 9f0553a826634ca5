import { mkdir } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { resolve } from 'node:path';
import { parseDuration, parseSize } from '@sluice/core';
import type { Command } from 'commander';
import { runDaemon } from '../main.ts';
import { type Checkout, checkoutFolder, folderCheckout, repoCheckout } from '../reconcile/checkout.ts';
import { stateLocation } from '../store/store.ts';
import { usage } from './errors.ts';
import { EXIT } from './exit.ts';
import { type CommonOptions, positive, withCommon } from './options.ts';
import { openTarget } from './planned.ts';
import { environmentOf } from './project.ts';
import { listenForInterrupt } from './signals.ts';
import { bytes, print } from './terminal.ts';
import { stateStoreOf } from './unset.ts';

interface DaemonCommand extends CommonOptions {
  repo?: string;
  ref: string;
  poll: number;
  maxRuns: number;
  memory: number;
  limit: Record<string, number>;
  drain: number;
  keep: number;
  force?: boolean;
  logLevel: string;
  host: string;
  port: number;
  api: boolean;
}

const LEVELS = ['debug', 'info', 'warn', 'error'];
const DAY_MS = 86_400_000;

const HELP = `
It makes what is applied equal to the files as they change, runs jobs when they are due, and goes on with runs that other daemons
of the same state store lost. SIGTERM and Ctrl-C let runs end within --drain and hand the others over; a second one ends it at once.
Its own log goes to stderr, one JSON object a line.`;

export function define(command: Command): void {
  withCommon(command, ['text'])
    .option('--repo <url>', 'follow a git repository instead of the project folder')
    .option('--ref <name>', 'branch, tag or commit of --repo', 'main')
    .option('--poll <duration>', 'how often --repo is asked for changes', duration('--poll'), 30_000)
    .option('--host <address>', 'address on which the API listens', '127.0.0.1')
    .option('--port <number>', 'its port; 0: any that is free', port, 8000)
    .option('--no-api', 'serve no API')
    .option('--max-runs <number>', 'runs at a time', positive('--max-runs'), availableParallelism())
    .option('--memory <size>', 'memory that runs may have together', size, Math.floor(totalmem() * 0.75))
    .option('--limit <group=number...>', 'runs of a tag or connection at a time, such as tag:heavy=2', limit, {})
    .option('--drain <duration>', 'how long runs may go on when it is asked to end', duration('--drain'), 60_000)
    .option('--keep <duration>', 'how long logs and metrics are kept', duration('--keep'), 30 * DAY_MS)
    .option('--force', 'apply also a revision that does not descend from the applied one')
    .option('--log-level <level>', LEVELS.join(', '), level, 'info')
    .addHelpText('after', HELP)
    .action(daemon);
}

async function daemon(options: DaemonCommand): Promise<void> {
  const stop = listenForInterrupt();
  const base = resolve(options.project ?? process.cwd());
  const repo = options.repo === undefined ? null : await repoOf(options, options.repo, base, stop.signal);
  const project = await openTarget(repo ? { ...options, project: repo.folder } : options);
  const stateStore = stateStoreOf(project);
  const checkout = repo ?? folderCheckout(project.dir);
  const stateDir = repo ? base : project.dir;
  const target = project.scope.target ?? 'default';
  try {
    await runDaemon(
      {
        project: project.project.name,
        target,
        wantedTarget: project.target ?? null,
        vars: project.vars,
        stateDir,
        stateStore,
        checkout,
        env: environmentOf({ env: process.env }),
        maxRuns: options.maxRuns,
        memory: options.memory,
        limits: options.limit,
        drainMs: options.drain,
        keepMs: options.keep,
        force: options.force === true,
        logLevel: options.logLevel,
        api: options.api ? { host: options.host, port: options.port } : null,
      },
      stop.signal,
      ({ owner, api }) => {
        if (options.quiet) return;
        const { embedded, place } = stateLocation({ projectDir: stateDir, stateStore });
        print(`sluice daemon ${owner} serves ${project.project.name}, target ${target}
  files   ${checkout.name}
  state   ${embedded ? `embedded, ${place}` : place}
  API     ${api ? `${api.url}${api.signIn ? `, once: ${api.signIn}` : ''}` : 'none'}
  runs    ${options.maxRuns} at a time, ${bytes(options.memory)} together
Ctrl-C ends it.`);
      },
    );
  } finally {
    stop.dispose();
  }
  process.exitCode = EXIT.done;
}

/** The checkout of a repository, with its files there. */
async function repoOf(options: DaemonCommand, url: string, base: string, signal: AbortSignal): Promise<Checkout> {
  const folder = checkoutFolder(base);
  await mkdir(folder, { recursive: true });
  const checkout = repoCheckout({ url, ref: options.ref, pollMs: options.poll }, folder);
  await checkout.update(signal);
  return checkout;
}

function duration(name: string): (text: string) => number {
  return (text) => {
    const ms = parseDuration(text);
    if (ms === null) throw usage('duration', `${name} wants a duration such as 30s, 5m or 30d, not ${text}`);
    return ms;
  };
}

function size(text: string): number {
  const found = parseSize(text);
  if (found === null) throw usage('size', `--memory wants a size such as 4GB or 512MiB, not ${text}`);
  return found;
}

function port(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) throw usage('port', `--port wants 0 to 65535, not ${text}`);
  return Number(text);
}

function level(text: string): string {
  if (!LEVELS.includes(text)) throw usage('level', `--log-level wants one of ${LEVELS.join(', ')}, not ${text}`);
  return text;
}

function limit(text: string, before: Record<string, number>): Record<string, number> {
  const found = /^((?:tag|connection):[^=]+)=(\d{1,6})$/.exec(text);
  if (!found?.[1]) throw usage('limit', `--limit wants tag:NAME=N or connection:NAME=N, not ${text}`);
  return { ...before, [found[1]]: Number(found[2]) };
}
