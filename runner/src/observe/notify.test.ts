import { createHmac } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Job, type Notify, SluiceError, zeroCounts } from '@sluice/core';
import { SMTPServer } from 'smtp-server';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../../../core/test/postgres.ts';
import { secretStore } from '../secrets/secret-store.ts';
import { openStore, type Store } from '../store/store.ts';
import { Notifier, retryDelay } from './notify.ts';

let db: TestDatabase;
let store: Store;
let dir: string;
let key: { project: string; target: string };
let projects = 0;
let warned: object[] = [];
const never = new AbortController().signal;
const ENV = { HOOK_SECRET: 'hook-canary', SMTP_PASSWORD: 'smtp-canary' };

interface Asked {
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
}
const asked: Asked[] = [];
let answers: number[] = [];
const web = createServer((request, response) => {
  let body = '';
  request.on('data', (chunk) => {
    body += chunk;
  });
  request.on('end', () => {
    asked.push({ url: request.url ?? '', headers: request.headers, body });
    const status = answers.shift() ?? 200;
    response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end();
  });
});
let webUrl: string;

interface Mail {
  user: string | undefined;
  to: string[];
  text: string;
}
const mails: Mail[] = [];
const smtp = new SMTPServer({
  authOptional: true,
  disabledCommands: ['STARTTLS'],
  allowInsecureAuth: true,
  onAuth({ username, password }, _session, done) {
    if (password === ENV.SMTP_PASSWORD) done(null, { user: username });
    else done(Object.assign(new Error('no such login'), { responseCode: 535 }));
  },
  onData(stream, session, done) {
    let text = '';
    stream.on('data', (chunk) => {
      text += chunk;
    });
    stream.on('end', () => {
      mails.push({ user: String(session.user), to: session.envelope.rcptTo.map(({ address }) => address), text });
      done();
    });
  },
});
// A client that is gone is no failure of a test.
smtp.on('error', () => undefined);
let smtpPort: number;

beforeAll(async () => {
  db = await testDatabase();
  store = await openStore({ url: db.url });
  dir = await mkdtemp(join(tmpdir(), 'sluice-notify-'));
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  webUrl = `http://127.0.0.1:${(web.address() as AddressInfo).port}`;
  const listening = smtp.listen(0, '127.0.0.1');
  await new Promise((resolve) => listening.once('listening', resolve));
  smtpPort = (listening.address() as AddressInfo).port;
});
afterAll(async () => {
  web.closeAllConnections();
  await new Promise((resolve) => web.close(resolve));
  await new Promise<void>((resolve) => smtp.close(() => resolve()));
  await store?.close();
  await db?.drop();
  await rm(dir, { recursive: true, force: true });
});
beforeEach(() => {
  key = { project: `shop${++projects}`, target: 'prod' };
  warned = [];
  answers = [];
});
afterEach(() => {
  asked.length = 0;
  mails.length = 0;
});

const all = ['failure', 'recovery', 'lateness'] as const;
const webhook = (more: object = {}): Notify => ({
  channel: 'hook',
  on: [...all],
  type: 'webhook',
  settings: { url: `${webUrl}/hook`, ...more },
});

function jobOf(name: string, notify: Notify[], more: Partial<Job> = {}): Job {
  return { name, owner: 'data', enabled: true, notify, sla: null, secret_providers: {}, ...more } as unknown as Job;
}

/** A run that has ended so. */
async function run(
  job: Job,
  state: 'succeeded' | 'failed' | 'cancelled',
  kind: 'manual' | 'backfill' | 'replay' = 'manual',
): Promise<string> {
  const claim = await store.claimJob({
    ...key,
    job: job.name,
    kind,
    owner: 'here/1',
    leaseMs: 60_000,
    jobHash: 'h',
    definition: job,
  });
  const error = state === 'failed' ? new SluiceError('source/unavailable', 'transient', 'It is "away"').toJSON() : null;
  await store.finishRun({ run: claim.run, owner: 'here/1', state, counts: zeroCounts(), error });
  return claim.run;
}

function notifier(url: string | null = null): Notifier {
  const log = { warn: (fields: object) => void warned.push(fields) };
  return new Notifier({ store, key, folder: () => dir, env: ENV, url: () => url, log });
}

const due = () => db.query(`UPDATE sluice.deliveries SET next_at = now() WHERE state = 'waiting'`);

describe('what is told', () => {
  it('a failure once, however often it happens and whoever looks; its recovery once', async () => {
    const job = jobOf('a', [webhook()]);
    const first = await run(job, 'failed');
    const daemons = [notifier(), notifier(), notifier()];
    const turn = () => Promise.all(daemons.map((one) => one.turn(never)));
    await turn();
    await turn();
    await run(job, 'failed');
    await run(job, 'cancelled');
    await turn();
    expect(asked).toHaveLength(1);
    expect(JSON.parse(asked[0]!.body)).toMatchObject({
      event: 'failure',
      job: 'a',
      run_id: first,
      status: 'failed',
      owner: 'data',
      title: `[${key.project}/prod] a failed`,
      error: { code: 'source/unavailable', message: 'It is "away"' },
    });
    await run(job, 'succeeded', 'backfill');
    await run(job, 'succeeded', 'replay');
    await run(job, 'failed', 'replay');
    await turn();
    expect(asked).toHaveLength(1);
    await run(job, 'succeeded');
    await run(job, 'succeeded');
    await turn();
    expect(asked.map(({ headers }) => headers['x-sluice-event'])).toEqual(['failure', 'recovery']);
    expect(JSON.parse(asked[1]!.body)).toMatchObject({ event: 'recovery', kinds: ['failure'], error: null });
    await run(job, 'failed');
    await turn();
    expect(asked).toHaveLength(3);
  });

  it('nothing of what ended before anybody looked; what follows from it is told', async () => {
    const job = jobOf('a', [webhook()]);
    await run(job, 'failed');
    await run(job, 'succeeded');
    await run(job, 'failed');
    await age('a', 'finished_at');
    await notifier().turn(never);
    expect(asked).toHaveLength(0);
    await run(job, 'succeeded');
    await notifier().turn(never);
    expect(asked.map(({ headers }) => headers['x-sluice-event'])).toEqual(['recovery']);
  });

  it('only what a channel asks for, and nothing of a job without channels', async () => {
    await run(jobOf('a', [{ ...webhook(), on: ['recovery'] }]), 'failed');
    await run(jobOf('b', []), 'failed');
    await notifier().turn(never);
    expect(asked).toHaveLength(0);
    await run(jobOf('a', [{ ...webhook(), on: ['recovery'] }]), 'succeeded');
    await notifier().turn(never);
    expect(asked.map(({ headers }) => headers['x-sluice-event'])).toEqual(['recovery']);
  });

  async function apply(job: Job): Promise<void> {
    const { project, target } = key;
    const values = `'${project}', '${target}'`;
    await db.query(
      `INSERT INTO sluice.applied_plans (project, target, version, plan_hash, plan)
         SELECT ${values}, coalesce(max(version), 0) + 1, 'h', '{}' FROM sluice.applied_plans WHERE project = '${project}';
       INSERT INTO sluice.applied_jobs (project, target, job, file, job_hash, definition, version)
         VALUES (${values}, '${job.name}', 'a.yaml', 'h', '${JSON.stringify(job)}', 1);
       INSERT INTO sluice.job_states (project, target, job) VALUES (${values}, '${job.name}');`,
    );
  }
  const age = (job: string, what: string) =>
    db.query(
      `UPDATE sluice.runs SET ${what} = now() - interval '2 hours' WHERE project = '${key.project}' AND job = '${job}'`,
    );

  it('a job whose last success is too old, until it succeeds; not while it is paused', async () => {
    const job = jobOf('late', [webhook()], { sla: { freshness_ms: 3_600_000, max_duration_ms: null } });
    await apply(job);
    await run(job, 'succeeded');
    const one = notifier();
    await one.turn(never);
    await age('late', 'finished_at');
    await db.query(
      `UPDATE sluice.job_states SET first_applied = now() - interval '1 day' WHERE project = '${key.project}'`,
    );
    await store.jobs.pause({ ...key, job: 'late' }, { until: null, by: null, reason: null });
    await one.lateness();
    await one.turn(never);
    expect(asked).toHaveLength(0);
    await store.jobs.resume({ ...key, job: 'late' }, null);
    await one.lateness();
    await one.lateness();
    await one.turn(never);
    expect(asked.map(({ body }) => JSON.parse(body))).toMatchObject([
      { event: 'lateness', kinds: ['freshness'], bound_ms: 3_600_000, text: expect.stringContaining('Bound: 1h') },
    ]);
    await run(job, 'succeeded');
    await one.turn(never);
    expect(JSON.parse(asked[1]!.body)).toMatchObject({ event: 'recovery', kinds: ['freshness'] });
  });

  it('a run that takes too long, once; its failure is told as such', async () => {
    const job = jobOf('slow', [webhook()], { sla: { freshness_ms: null, max_duration_ms: 60_000 } });
    await apply(job);
    const claim = await store.claimJob({
      ...{
        ...key,
        job: 'slow',
        kind: 'manual' as const,
        owner: 'here/1',
        leaseMs: 60_000,
        jobHash: 'h',
        definition: job,
      },
    });
    await age('slow', 'started_at');
    const one = notifier();
    await one.lateness();
    await one.lateness();
    await one.turn(never);
    expect(asked.map(({ body }) => JSON.parse(body))).toMatchObject([
      { event: 'lateness', kinds: ['duration'], run_id: claim.run },
    ]);
    await store.finishRun({ run: claim.run, owner: 'here/1', state: 'failed', counts: zeroCounts(), error: null });
    await one.turn(never);
    await run(job, 'succeeded');
    await one.turn(never);
    expect(asked.slice(1).map(({ body }) => JSON.parse(body))).toMatchObject([
      { event: 'failure' },
      { event: 'recovery', kinds: ['failure'] },
    ]);
  });
});

describe('how it is told', () => {
  const fail = async (notify: Notify[], url: string | null = null) => {
    await run(jobOf('a', notify), 'failed');
    await notifier(url).turn(never);
    return store.notices.history({ ...key, job: 'a' });
  };

  it('by webhook: signed with the time, by a secret of the encrypted store, with a template and headers', async () => {
    const secrets = secretStore({ ...key, store, projectDir: dir, env: ENV });
    await secrets.put('hook', 'store-canary', null);
    const template = '{"text": "{{title}}: {{ error_message }}", "url": "{{url}}", "other": "{{nothing}}"}';
    const settings = { secret: '${secret:store/hook}', headers: { 'X-Own': 'a' }, template };
    const history = await fail([webhook(settings)], 'https://sluice.example.com/');
    expect(history).toMatchObject([
      { channel: 'hook', state: 'delivered', attempts: 1, event: 'failure', error: null },
    ]);
    const { headers, body } = asked[0]!;
    expect(JSON.parse(body)).toEqual({
      text: `[${key.project}/prod] a failed: It is "away"`,
      url: 'https://sluice.example.com/jobs/a',
      other: '{{nothing}}',
    });
    const [, seconds, hex] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['x-sluice-signature'])) ?? [];
    expect(createHmac('sha256', 'store-canary').update(`${seconds}.${body}`).digest('hex')).toBe(hex);
    expect(Math.abs(Date.now() / 1000 - Number(seconds))).toBeLessThan(60);
    expect(headers).toMatchObject({ 'x-own': 'a', 'x-sluice-delivery': history[0]!.notification });
  });

  it('to Slack and Teams in the form that they take', async () => {
    const chat = (type: string): Notify => ({
      channel: type,
      on: ['failure'],
      type,
      settings: { url: `${webUrl}/${type}` },
    });
    const history = await fail([chat('slack'), chat('teams')], 'https://s.example.com');
    expect(history.map(({ channel, state }) => [channel, state])).toEqual([
      ['slack', 'delivered'],
      ['teams', 'delivered'],
    ]);
    const bodies = Object.fromEntries(asked.map(({ url, body }) => [url, JSON.parse(body)]));
    expect(bodies['/slack'].blocks[0]).toEqual({
      type: 'section',
      text: { type: 'mrkdwn', text: `*[${key.project}/prod] a failed*` },
    });
    expect(bodies['/teams']).toMatchObject({
      type: 'message',
      attachments: [
        {
          contentType: 'application/vnd.microsoft.card.adaptive',
          content: { type: 'AdaptiveCard', actions: [{ type: 'Action.OpenUrl', url: 'https://s.example.com/jobs/a' }] },
        },
      ],
    });
  });

  const mail = (more: object = {}): Notify => ({
    channel: 'mail',
    on: ['failure'],
    type: 'email',
    settings: {
      host: '127.0.0.1',
      port: smtpPort,
      tls: 'none',
      from: 'Sluice <s@example.com>',
      to: ['a@example.com', 'b@example.com'],
      ...more,
    },
  });

  it('by mail, with a login', async () => {
    const history = await fail([mail({ user: 'loader', password: '${env:SMTP_PASSWORD}' })]);
    expect(history).toMatchObject([{ state: 'delivered' }]);
    expect(mails).toMatchObject([{ user: 'loader', to: ['a@example.com', 'b@example.com'] }]);
    expect(mails[0]?.text).toContain(`Subject: [${key.project}/prod] a failed`);
    expect(mails[0]?.text).toContain(`Message-ID: <${history[0]?.notification}@sluice.invalid>`);
    expect(mails[0]?.text).toContain('source/unavailable');
  });

  it('a mail server without TLS is refused where TLS is asked for, and a wrong login is not tried again', async () => {
    const [plain] = await fail([mail({ tls: 'starttls' })]);
    expect(plain).toMatchObject({ error: { code: 'notify/failed' } });
    expect(mails).toHaveLength(0);
    key = { ...key, project: `${key.project}b` };
    const [login] = await fail([mail({ user: 'loader', password: '${env:HOOK_SECRET}' })]);
    expect(login).toMatchObject({ state: 'failed', attempts: 1, error: { kind: 'config' } });
    expect(JSON.stringify([login, warned])).not.toContain('canary');
  });

  it('by a command: the notification on its standard input, no shell, no environment', async () => {
    const script = join(dir, 'page.sh');
    await writeFile(script, '#!/bin/sh\ncat > "$1"; env > "$1.env"\n');
    await chmod(script, 0o755);
    const settings = { command: ['./page.sh', 'out; touch pwned'], timeout: '10s' };
    const history = await fail([{ channel: 'pager', on: ['failure'], type: 'command', settings }]);
    expect(history).toMatchObject([{ state: 'delivered' }]);
    expect(JSON.parse(await readFile(join(dir, 'out; touch pwned'), 'utf8'))).toMatchObject({
      event: 'failure',
      job: 'a',
    });
    expect(await readFile(join(dir, 'out; touch pwned.env'), 'utf8')).not.toMatch(/canary|DATABASE/);
  });

  it('a command that fails, hangs or is not there is told of', async () => {
    const command = (channel: string, words: string[], timeout = '10s'): Notify => {
      return { channel, on: ['failure'], type: 'command', settings: { command: words, timeout } };
    };
    const script = join(dir, 'fail.sh');
    await writeFile(script, '#!/bin/sh\necho "the pager is off" >&2\nexit 3\n');
    await chmod(script, 0o755);
    const history = await fail([
      command('fails', ['./fail.sh']),
      command('hangs', ['sleep', '600'], '1s'),
      command('none', ['./none']),
    ]);
    expect(history).toMatchObject([
      {
        channel: 'fails',
        state: 'waiting',
        error: { kind: 'transient', message: expect.stringContaining('the pager is off') },
      },
      { channel: 'hangs', state: 'waiting', error: { message: expect.stringContaining('took longer than 1s') } },
      { channel: 'none', state: 'failed', error: { kind: 'config' } },
    ]);
  });
});

describe('what cannot be told at once', () => {
  it('is tried again later and later, and given up in the end', async () => {
    answers = [500, 429, 200];
    await run(jobOf('a', [webhook()]), 'failed');
    const one = notifier();
    await one.turn(never);
    await one.turn(never);
    expect(asked).toHaveLength(1);
    expect(await store.notices.history(key)).toMatchObject([
      { state: 'waiting', attempts: 1, error: { kind: 'transient' } },
    ]);
    await due();
    await one.turn(never);
    await due();
    await one.turn(never);
    expect(await store.notices.history(key)).toMatchObject([{ state: 'delivered', attempts: 3, error: null }]);
    expect(new Set(asked.map(({ headers }) => headers['x-sluice-delivery'])).size).toBe(1);
    const waits = [1, 2, 3, 20].map((attempts) => retryDelay(attempts, 0.5));
    expect(waits).toEqual([5000, 10_000, 20_000, 1_800_000]);
    answers = Array(20).fill(503);
    await run(jobOf('b', [webhook()]), 'failed');
    for (let i = 0; i < 14; i++) {
      await one.turn(never);
      await due();
    }
    expect(await store.notices.history({ ...key, job: 'b' })).toMatchObject([{ state: 'failed', attempts: 12 }]);
  });

  it('and will never be taken is not tried again: a wrong address, a redirect, a missing value', async () => {
    answers = [404];
    await run(jobOf('a', [webhook()]), 'failed');
    await notifier().turn(never);
    answers = [302];
    await run(jobOf('b', [webhook()]), 'failed');
    await notifier().turn(never);
    await run(jobOf('c', [webhook({ secret: '${env:NOT_SET}' })]), 'failed');
    await notifier().turn(never);
    const history = await store.notices.history(key);
    expect(history.map(({ job, state, error }) => [job, state, error?.code])).toEqual([
      ['c', 'failed', 'reference/unset'],
      ['b', 'failed', 'notify/failed'],
      ['a', 'failed', 'notify/failed'],
    ]);
    expect(asked.map(({ url }) => url)).toEqual(['/hook', '/hook']);
  });

  it('a sender that died leaves its delivery to others', async () => {
    await run(jobOf('a', [webhook()]), 'failed');
    await store.notices.noticeRuns(key, 10);
    expect(await store.notices.takeDeliveries(key, 10, 60_000)).toHaveLength(1);
    await notifier().turn(never);
    expect(asked).toHaveLength(0);
    await due();
    await notifier().turn(never);
    expect(await store.notices.history(key)).toMatchObject([{ state: 'delivered', attempts: 2 }]);
  });

  it('no channel’s secret lies in the state', async () => {
    await secretStore({ ...key, store, projectDir: dir, env: ENV }).put('hook', 'store-canary', null);
    answers = [500];
    await run(
      jobOf('a', [webhook({ secret: '${secret:store/hook}', headers: { 'X-Key': '${env:HOOK_SECRET}' } })]),
      'failed',
    );
    await notifier().turn(never);
    expect(asked[0]?.headers['x-key']).toBe('hook-canary');
    for (const table of ['runs', 'alerts', 'notifications', 'deliveries', 'secrets', 'events']) {
      const rows = await db.query(`SELECT t::text AS row FROM sluice.${table} t`);
      expect(JSON.stringify(rows), table).not.toContain('canary');
    }
  });

  it('old notifications go', async () => {
    await run(jobOf('a', [webhook()]), 'failed');
    await notifier().turn(never);
    await db.query(
      `UPDATE sluice.notifications SET created_at = now() - interval '91 days' WHERE project = '${key.project}'`,
    );
    await notifier().turn(never);
    expect(await store.notices.history(key)).toEqual([]);
  });
});
