import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { type ApiLab, apiLab, job } from './api-lab.ts';

let lab: ApiLab;
let base: string;

beforeAll(async () => {
  lab = await apiLab({ 'sluice.yaml': 'version: 1\nname: live\n', 'jobs/orders.yaml': job('orders') });
  await lab.door.reconcile('test');
  base = await lab.api.app.listen({ host: '127.0.0.1', port: 0 });
});

afterAll(() => lab.close());

/** A run that is alive, in the hands of the test. */
async function running(): Promise<{
  id: string;
  log(message: string, level?: 'info' | 'error'): Promise<void>;
  finish(): Promise<void>;
}> {
  const definition = (await lab.store.jobs.find(lab.door.key, 'orders'))!.definition;
  const claim = await lab.store.claimJob({
    ...{ ...lab.door.key, job: 'orders', kind: 'manual', owner: 'h/1', leaseMs: 60_000 },
    ...{ jobHash: definition.hash, definition },
  });
  const counts = {
    rows_read: 10,
    rows_added: 0,
    rows_written: 9,
    rows_rejected: 1,
    rows_filtered: 0,
    rows_quarantined: 0,
    bytes_read: 100,
  };
  return {
    id: claim.run,
    log: (message, level = 'info') =>
      lab.store.appendLogs(claim.run, [{ at: new Date().toISOString(), level, message }]),
    finish: () => lab.store.finishRun({ run: claim.run, owner: 'h/1', state: 'succeeded', counts, error: null }),
  };
}

interface Event {
  id: string;
  event: string;
  data: Record<string, unknown>;
}

/** Server-sent events as a plain client reads them; `until` says when it has seen enough and hangs up. */
async function* listen(path: string, headers: Record<string, string> = {}): AsyncGenerator<Event> {
  const stop = new AbortController();
  const response = await fetch(`${base}/api/v1${path}`, {
    headers: { authorization: `Bearer ${lab.tokens.viewer}`, ...headers },
    signal: stop.signal,
  });
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
  try {
    let text = '';
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      for (let at = text.indexOf('\n\n'); at >= 0; at = text.indexOf('\n\n')) {
        const lines = text.slice(0, at).split('\n');
        text = text.slice(at + 2);
        const field = (name: string) =>
          lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? '';
        if (field('data') !== '') yield { id: field('id'), event: field('event'), data: JSON.parse(field('data')) };
      }
    }
  } finally {
    stop.abort();
  }
}

const messages = (events: Event[]) => events.map(({ event, data }) => (event === 'end' ? 'end' : data.message));

describe('logs as they come', () => {
  it('go on behind the last line that was seen, and end with the run', async () => {
    const run = await running();
    await run.log('one');
    await run.log('two');
    const seen: Event[] = [];
    for await (const event of listen('/jobs/orders/logs/stream')) {
      seen.push(event);
      if (seen.length === 2) break;
    }
    expect(messages(seen)).toEqual(['one', 'two']);
    await run.log('three', 'error');
    await run.log('four');
    const rest: Event[] = [];
    for await (const event of listen('/jobs/orders/logs/stream', { 'last-event-id': seen[1]!.id })) {
      rest.push(event);
      if (rest.length === 2) await run.finish();
    }
    expect(messages(rest)).toEqual(['three', 'four', 'end']);
    expect(rest.at(-1)?.data).toEqual({ end: true, execution_id: run.id, status: 'succeeded' });
    const after: Event[] = [];
    for await (const event of listen('/jobs/orders/logs/stream?level=ERROR')) after.push(event);
    expect(messages(after)).toEqual(['three', 'end']);
    const polled = await lab.call('GET', '/jobs/orders/logs?level=ERROR&limit=500');
    expect(polled.body.logs.map(({ message, level }: Record<string, string>) => [message, level])).toEqual([
      ['three', 'ERROR'],
    ]);
    expect(polled.body.end).toEqual({ end: true, execution_id: run.id, status: 'succeeded' });
    const { body } = await lab.call('GET', `/jobs/orders/logs?after=${polled.body.logs[0].seq}`);
    expect(body.logs.map(({ message }: { message: string }) => message)).toEqual(['four']);
    expect((await lab.call('GET', '/jobs/orders/metrics')).body).toMatchObject({
      status: 'succeeded',
      metrics: {
        records_processed: 10,
        records_failed: 1,
        bytes_processed: 100,
        active_workers: 0,
        cache_hit_rate: null,
      },
    });
  });

  it('come over a WebSocket too', async () => {
    const run = await running();
    await run.log('first');
    const socket = new WebSocket(`${base.replace('http', 'ws')}/api/v1/jobs/orders/logs/stream?execution=${run.id}`, {
      headers: { authorization: `Bearer ${lab.tokens.viewer}` },
    });
    const found: Record<string, unknown>[] = [];
    socket.on('message', (data) => {
      found.push(JSON.parse(String(data)));
      if (found.length === 1) void run.log('second').then(run.finish);
    });
    const [code] = await once(socket, 'close');
    expect(code).toBe(1000);
    expect(found.map(({ type, message }) => message ?? type)).toEqual(['first', 'second', 'end']);
    const [, second] = found;
    const again = new WebSocket(`${base.replace('http', 'ws')}/api/v1/jobs/orders/logs/stream?after=${second?.id}`, {
      headers: { authorization: `Bearer ${lab.tokens.viewer}` },
    });
    const rest: unknown[] = [];
    again.on('message', (data) => rest.push(JSON.parse(String(data)).type));
    await once(again, 'close');
    expect(rest).toEqual(['end']);
  });

  it('are for those alone who may see them', async () => {
    const socket = new WebSocket(`${base.replace('http', 'ws')}/api/v1/jobs/orders/logs/stream`);
    const [, response] = await once(socket, 'unexpected-response');
    expect(response.statusCode).toBe(401);
    socket.on('error', () => undefined);
    socket.terminate();
    expect((await lab.call('GET', '/jobs/orders/logs/stream?after=x')).status).toBe(422);
    expect((await lab.call('GET', '/jobs/nothing/logs/stream')).status).toBe(404);
  });
});

describe('figures and events', () => {
  it('follow a run', async () => {
    const run = await running();
    const none = { rows_rejected: 0, tasks_active: 1, workers: 2, spill_bytes: 0 };
    await lab.store.metrics.append(run.id, [
      {
        ...none,
        at: new Date().toISOString(),
        rows_read: 5,
        bytes_read: 50,
        rows_per_second: 5,
        cpu: 0.5,
        memory_bytes: 100,
        memory_limit_bytes: 1000,
      },
    ]);
    expect((await lab.call('GET', '/jobs/orders/metrics')).body).toMatchObject({
      status: 'running',
      metrics: {
        records_processed: 5,
        throughput_rps: 5,
        cpu_utilization: 50,
        memory_utilization: 10,
        photon_acceleration: null,
      },
    });
    const found: string[] = [];
    for await (const { event } of listen('/jobs/orders/metrics/stream')) {
      found.push(event);
      if (event === 'metrics') await run.finish();
    }
    expect(found).toEqual(['metrics', 'end']);
  });

  it('tell what happens to a job, and go on where a reader left', async () => {
    const before = await lab.store.events.end();
    await lab.store.jobs.pause({ ...lab.door.key, job: 'orders' }, { until: null, by: 'me', reason: 'why' });
    let last = '';
    for await (const { event, id, data } of listen(`/jobs/orders/events?after=${before}`)) {
      expect([event, data.job_name, data.reason]).toEqual(['job.paused', 'orders', 'why']);
      last = id;
      break;
    }
    await lab.store.jobs.resume({ ...lab.door.key, job: 'orders' }, 'me');
    for await (const { event } of listen('/jobs/orders/events', { 'last-event-id': last })) {
      expect(event).toBe('job.resumed');
      break;
    }
  });
});

it('streams end when the server is stopped', async () => {
  const other = await apiLab({ 'sluice.yaml': 'version: 1\nname: live\n', 'jobs/orders.yaml': job('orders') });
  await other.door.reconcile('test');
  const at = await other.api.app.listen({ host: '127.0.0.1', port: 0 });
  const headers = { authorization: `Bearer ${other.tokens.viewer}` };
  const response = await fetch(`${at}/api/v1/jobs/orders/events`, { headers });
  const socket = new WebSocket(`${at.replace('http', 'ws')}/api/v1/jobs/orders/events`, { headers });
  await once(socket, 'open');
  const closed = once(socket, 'close');
  // One that never asks anything holds nothing up.
  const silent = connect(Number(new URL(at).port), '127.0.0.1');
  await once(silent, 'connect');
  await other.api.app.close();
  silent.destroy();
  expect(await response.text()).toBe(': connected\n\n');
  await closed;
  await other.close();
});
