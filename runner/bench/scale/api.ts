import { setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { listen } from '../../src/api/listen.ts';
import { daemonLog } from '../../src/observe/log.ts';
import { tick } from '../../src/schedule/schedule.ts';
import type { Store } from '../../src/store/store.ts';
import { below, percentile, type Tell } from './table.ts';

const A_SECOND = 200;
/** As leases, heartbeats and logs of a busy daemon do. */
const WRITES = 50;

/** How long a list of jobs takes, asked for so many times a second, of a project whose jobs are applied. */
export async function apiFigures(
  dir: string,
  jobs: number,
  store: Store,
  { seconds, tell }: { seconds: number; tell: Tell },
): Promise<void> {
  const log = daemonLog('silent', {});
  const api = await listen({
    ...{
      store,
      log,
      dir,
      host: '127.0.0.1',
      port: 0,
      target: null,
      vars: {},
      stateStore: null,
      readOnly: null,
      fetch: null,
    },
    reconcile: async () => {},
  });
  try {
    // As where a daemon runs: it is known when each job is due.
    await tick({ store, key: { project: 'scale', target: 'default' }, clock: () => store.now(), log });
    const measure = async (name: string): Promise<void> => {
      const times = await ask(`${api.url}/api/v1/jobs`, api.token, A_SECOND, seconds);
      tell(below(`${name}, p99 of ${times.length}`, percentile(times, 0.99), 50));
    };
    await measure(`GET /jobs, ${A_SECOND} a second, ${jobs} jobs`);
    const stop = new AbortController();
    const writing = write(store, stop.signal);
    await measure(`the same while the state store is written to ${WRITES} times a second`).finally(() => stop.abort());
    await writing;
  } finally {
    await api.close();
  }
}

/** Writes what no list shows: any transaction makes lists be read anew. */
async function write(store: Store, signal: AbortSignal): Promise<void> {
  const entry = { project: 'elsewhere', target: 'bench', actor: 'bench', role: 'admin', action: 'bench' } as const;
  while (!signal.aborted) {
    await store.audit.record({ ...entry, subject: null, status: 200, address: '127.0.0.1', detail: {} });
    await setTimeout(1000 / WRITES, undefined, { signal }).catch(() => undefined);
  }
}

/** Asks at a fixed rate, from a thread of its own, whatever the answers take; gives the time of each in milliseconds, Infinity where it was refused or broken off. */
function ask(url: string, token: string, rate: number, seconds: number): Promise<number[]> {
  const worker = new Worker(CLIENT, { eval: true, workerData: { url, token, rate, seconds } });
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

const CLIENT = `
const { parentPort, workerData: { url, token, rate, seconds } } = require('node:worker_threads');
const http = require('node:http');
const agent = new http.Agent({ keepAlive: true });
const one = () => new Promise((resolve) => {
  const from = performance.now();
  http.get(url, { agent, headers: { authorization: 'Bearer ' + token } }, (response) => {
    response.resume();
    response.on('end', () => resolve(response.statusCode === 200 ? performance.now() - from : Infinity));
  }).on('error', () => resolve(Infinity));
});
(async () => {
  for (let i = 0; i < 20; i++) await one();
  const asked = [];
  const begun = performance.now();
  while (asked.length < rate * seconds) {
    const due = Math.min(rate * seconds, ((performance.now() - begun) / 1000) * rate);
    while (asked.length < due) asked.push(one());
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  parentPort.postMessage(await Promise.all(asked));
})();
`;
