import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { freePort } from '../../core/test/processes.ts';
import type { ToPanel } from '../../runner/dashboard/protocol.ts';
import { Daemons } from '../src/daemon/api.ts';
import { MetricsFeed } from '../src/metrics/feed.ts';

const RUN = '0197a3c0-0000-7000-8000-000000000001';

/** The three answers of a daemon that the feed asks for, over HTTP; a stream is cut or ended by the test. */
class Api {
  status = 'running';
  readonly streams: { after: string | null; response: ServerResponse }[] = [];
  readonly tokens = new Set<string | undefined>();
  #server: Server | null = null;
  #port = 0;

  async start(): Promise<void> {
    // It comes back at the same port, which no connection of somebody else's gets meanwhile.
    this.#port ||= await freePort();
    this.#server = createServer((request, response) => this.#answer(request, response));
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async stop(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise((done) => (this.#server ? this.#server.close(done) : done(null)));
  }

  #answer({ url = '', headers }: IncomingMessage, response: ServerResponse): void {
    this.tokens.add(headers.authorization);
    const asked = new URL(url, this.url);
    if (asked.pathname === '/api/v1/jobs/orders/metrics/stream') {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': connected\n\n');
      this.streams.push({ after: asked.searchParams.get('after'), response });
      return;
    }
    expect(asked.pathname).toBe('/api/v1/jobs/orders/executions');
    const counts =
      this.status === 'running' ? null : { rows_read: 9, rows_written: 8, rows_rejected: 1, bytes_read: 7 };
    const times = { created_at: '2026-01-01T00:00:00Z', started_at: '2026-01-01T00:00:00Z', finished_at: null };
    const run = { execution_id: RUN, status: this.status, kind: 'manual', counts, error: null, ...times };
    response.end(JSON.stringify({ executions: [run] }));
  }

  send(seq: number, figures: object): void {
    const data = { execution_id: RUN, timestamp: new Date(seq * 1000).toISOString(), metrics: figures };
    this.streams.at(-1)?.response.write(`id: ${RUN}/${seq}\nevent: metrics\ndata: ${JSON.stringify(data)}\n\n`);
  }

  end(): void {
    const data = { end: true, execution_id: RUN, status: this.status };
    this.streams.at(-1)?.response.end(`id: ${RUN}/end\nevent: end\ndata: ${JSON.stringify(data)}\n\n`);
  }
}

const api = new Api();
const closed = new AbortController();
afterEach(async () => {
  closed.abort();
  await api.stop();
});

describe('what a metrics panel is fed', () => {
  it('are the samples of the newest run, behind the last one where the daemon was away, and its counts at the end', async () => {
    await api.start();
    const address = JSON.stringify({ url: api.url, token: 'sesame' });
    const secrets = { get: async () => address } as unknown as ConstructorParameters<typeof Daemons>[0];
    const told: ToPanel[] = [];
    const daemons = new Daemons(secrets);
    const feed = new MetricsFeed(
      daemons,
      { dir: '/p', name: 'orders' },
      (message) => told.push(message),
      closed.signal,
    );
    const running = feed.run();
    const samples = () => told.flatMap((one) => (one.type === 'samples' ? one.samples : []));
    const poll = <T>(value: () => T) => expect.poll(value, { timeout: 60_000, interval: 20 });

    await poll(() => api.streams.length).toBe(1);
    api.send(1, {
      records_processed: 5,
      throughput_rps: 5,
      bytes_processed: 50,
      memory_bytes: 1000,
      active_workers: 2,
    });
    await poll(samples).toEqual([
      { at: 1000, rows: 5, rowsPerSecond: 5, bytes: 50, rejected: null, memory: 1000, workers: 2 },
    ]);

    await api.stop();
    await poll(() => told.some((one) => one.type === 'reach' && !one.reached && one.why !== null)).toBe(true);
    await api.start();
    await poll(() => api.streams.length).toBe(2);
    expect(api.streams.map(({ after }) => after)).toEqual([`${RUN}/0`, `${RUN}/1`]);
    api.send(2, {});
    await poll(() => samples().map(({ at, rows }) => [at, rows])).toEqual([
      [1000, 5],
      [2000, null],
    ]);

    api.status = 'succeeded';
    api.end();
    const last = () => told.findLast((one) => one.type === 'runs')?.runs[0];
    await poll(last).toMatchObject({ status: 'succeeded', rows: 9, written: 8, rejected: 1, bytes: 7 });
    told.length = 0;
    feed.tellAll();
    expect(told.map(({ type }) => type)).toEqual(['reach', 'runs', 'samples']);
    expect(samples().map(({ at }) => at)).toEqual([1000, 2000]);
    // The token goes to the daemon and into no message.
    expect([...api.tokens]).toEqual(['Bearer sesame']);
    expect(JSON.stringify(told)).not.toContain('sesame');

    closed.abort();
    await running;
    expect(api.streams.length).toBe(2);
  });
});
