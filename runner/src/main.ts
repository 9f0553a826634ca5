import { hostname } from 'node:os';
import { VERSION } from '@sluice/core';
import type { Listening } from './api/listen.ts';
import { clearStaging } from './dispatch/abandoned.ts';
import { Dispatcher } from './dispatch/dispatch.ts';
import { removeAddress, writeAddress } from './observe/address.ts';
import { type DaemonLog, daemonLog } from './observe/log.ts';
import { Notifier } from './observe/notify.ts';
import { Exporter } from './observe/prometheus.ts';
import { repeat } from './observe/repeat.ts';
import type { Checkout } from './reconcile/checkout.ts';
import { Reconciler } from './reconcile/reconcile.ts';
import { publicUrl } from './repo/public-url.ts';
import { runSchedule } from './schedule/schedule.ts';
import { openStateStore, type Store } from './store/store.ts';

/** What a daemon is told at its start. */
export interface DaemonOptions {
  project: string;
  /** Name of the target, `default` where the project has none. */
  target: string;
  /** As `--target` says; null: the project has no targets. */
  wantedTarget: string | null;
  vars: Record<string, string>;
  /** Folder of the daemon's own files: embedded state, the address. */
  stateDir: string;
  stateStore: string | null;
  checkout: Checkout;
  env: Record<string, string>;
  maxRuns: number;
  /** Bytes that its runs may have together. */
  memory: number;
  limits: Readonly<Record<string, number>>;
  drainMs: number;
  /** How long logs, metrics and events are kept. */
  keepMs: number;
  force: boolean;
  logLevel: string;
  /** Where the API listens; null: none is served. */
  api: { host: string; port: number } | null;
}

const BEAT_MS = 3000;
const REAP_MS = 1000;
const HOUR_MS = 3_600_000;
/** What is kept of a deleted job. */
const KEEP_DELETED_MS = 30 * 24 * HOUR_MS;

/** What a started daemon is, for who started it. */
export interface Serving {
  /** `host/pid`. */
  owner: string;
  /** null: there is no API. */
  api: Listening | null;
}

/**
 * Runs a daemon until the signal says stop: it follows the checkout, puts what is due into the queue, executes it, and takes up what
 * others lost. Then it waits for its runs, hands over what is left, and leaves. This is the only place where its parts are put together;
 * they meet through rows of the store. Throws where the state store cannot be opened.
 */
export async function runDaemon(
  options: DaemonOptions,
  signal: AbortSignal,
  onStart: (serving: Serving) => void,
): Promise<void> {
  const { project, target, checkout } = options;
  const key = { project, target };
  const host = hostname();
  const owner = `${host}/${process.pid}`;
  const log = daemonLog(options.logLevel, { project, target, node: owner });
  const store = await openStateStore({ projectDir: options.stateDir, stateStore: options.stateStore });
  const clock = () => store.now();
  // Runs that are being waited for keep their daemon alive for the others.
  const left = new AbortController();
  let api: Listening | null = null;
  try {
    const folder = () => runFolder(store, key, host, checkout.folder);
    const exporter = new Exporter({ store, key, running: () => dispatcher.running });
    const dispatcher = new Dispatcher({
      ...{ store, log, key, owner, host, env: options.env, folder },
      onEnd: (kind, result) => exporter.ran({ kind, ...result }),
      maxRuns: options.maxRuns,
      memory: options.memory,
      limits: options.limits,
      drainMs: options.drainMs,
    });
    const { wantedTarget, vars, force } = options;
    const reconciler = new Reconciler({
      ...{ store, key, vars, checkout, owner, host, force, clock, log },
      target: wantedTarget,
      deleted: async (job) => clearStaging({ store, projectDir: await folder(), env: options.env }, job),
    });
    api = options.api && (await serve(options, options.api, { store, log, reconciler, exporter, signal }));
    const url = api?.url ?? null;
    const beat = () =>
      store.nodes.beat({
        ...{ node: owner, ...key, host, pid: process.pid, version: VERSION, draining: signal.aborted },
        address: url,
        memory_bytes: options.memory,
        max_runs: options.maxRuns,
      });
    await beat();
    const { host: at = null, port = null, token } = api ?? {};
    const found = { pid: process.pid, host: at, port, project, target, ...(token === undefined ? {} : { token }) };
    await writeAddress(options.stateDir, found);
    log.info({ checkout: checkout.name, max_runs: options.maxRuns }, 'started');
    onStart({ owner, api });
    const notifier = notifierOf(options, { store, log, exporter, folder });
    const alive = { log, signal: left.signal };
    const background = [
      repeat('heartbeat', alive, async () => {
        await beat();
        return BEAT_MS;
      }),
      repeat('reap', alive, async () => {
        const runs = await store.queue.reap();
        if (runs.length > 0) log.warn({ runs }, 'runs lost their owner');
        return REAP_MS;
      }),
      repeat('notify', alive, () => notifier.turn(left.signal)),
      repeat('retention', alive, async () => {
        const gone = await store.keepDays(options.keepMs);
        const jobs = await store.jobs.purgeDeleted(key, KEEP_DELETED_MS);
        if (gone.days + gone.rows + jobs.length > 0) log.info({ ...gone, jobs }, 'old rows removed');
        return HOUR_MS;
      }),
    ];
    await Promise.all([
      reconciler.run(signal),
      runSchedule({ store, key, clock, log }, signal),
      dispatcher.run(signal),
    ]);
    left.abort();
    await Promise.all(background);
    log.info('ended');
  } finally {
    left.abort();
    await api?.close();
    await store.nodes.leave(owner).catch(() => undefined);
    await removeAddress(options.stateDir, process.pid);
    await store.close();
  }
}

interface Parts {
  store: Store;
  log: DaemonLog;
  exporter: Exporter;
}

function notifierOf(
  options: DaemonOptions,
  { store, log, exporter, folder }: Parts & { folder(): Promise<string> },
): Notifier {
  const { project, target, env, checkout, wantedTarget, vars } = options;
  return new Notifier({
    ...{ store, log, env, folder, key: { project, target } },
    url: () => publicUrl({ folder: checkout.folder, target: wantedTarget, vars, env }),
    onDelivery: (type, outcome) => exporter.told(type, outcome),
  });
}

/** The API, whose code is loaded where one is served alone. */
async function serve(
  { checkout, wantedTarget, vars, stateStore }: DaemonOptions,
  at: { host: string; port: number },
  { store, log, reconciler, exporter, signal }: Parts & { reconciler: Reconciler; signal: AbortSignal },
): Promise<Listening> {
  const { listen } = await import('./api/listen.ts');
  return listen({
    ...{ store, log, ...at, dir: checkout.folder, target: wantedTarget, vars, stateStore },
    readOnly: checkout.readOnly ? `this daemon follows ${checkout.name}` : null,
    metrics: () => exporter.text(),
    reconcile: (files) => reconciler.now(signal, files),
    kept: () => reconciler.files(),
    fetch: checkout.readOnly ? () => reconciler.now(signal) : null,
  });
}

/** Where a run's relative paths start: the checkout that is followed, where it lies on this host, else the own one. */
async function runFolder(
  store: Store,
  key: { project: string; target: string },
  host: string,
  own: string,
): Promise<string> {
  const reconciler = await store.nodes.reconciler(key);
  return reconciler?.host === host ? reconciler.folder : own;
}
