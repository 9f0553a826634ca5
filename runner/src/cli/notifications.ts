import { randomUUID } from 'node:crypto';
import { nearest, projectSettings, providersUsed, SluiceError } from '@sluice/core';
import type { Command } from 'commander';
import { deliver } from '../observe/deliver.ts';
import type { NoticeContent } from '../store/notices.ts';
import { openStateStore } from '../store/store.ts';
import { usage } from './errors.ts';
import { type CommonOptions, outputOf, positive, withCommon } from './options.ts';
import { openTarget } from './planned.ts';
import type { OpenProject } from './project.ts';
import { exitOnInterrupt } from './signals.ts';
import { type Cell, ROW_FORMS, renderList } from './table.ts';
import { print, styleFor, tell } from './terminal.ts';
import { stateStoreOf } from './unset.ts';

interface NotificationsOptions extends CommonOptions {
  n: number;
  test?: string;
}

const COLUMNS = ['at', 'job', 'event', 'channel', 'state', 'attempts', 'next_try', 'error'] as const;

export function define(command: Command): void {
  withCommon(command, ROW_FORMS)
    .argument('[job]', 'of this job alone')
    .option('-n <number>', 'how many', positive('-n'), 50)
    .option('--test <channel>', 'tell this channel of sluice.yaml something now, to see whether it arrives')
    .action((job: string | undefined, options: NotificationsOptions) =>
      options.test === undefined ? show(job, options) : test(options.test, options),
    );
}

async function show(job: string | undefined, options: NotificationsOptions): Promise<void> {
  const project = await openTarget(options);
  const store = await openStateStore({ projectDir: project.dir, stateStore: stateStoreOf(project) });
  try {
    const filter = { ...keyOf(project), limit: options.n, ...(job === undefined ? {} : { job }) };
    const rows = (await store.notices.history(filter)).map((row): Cell[] => [
      row.created_at,
      row.job,
      row.event,
      row.channel,
      row.state,
      row.attempts,
      row.next_at,
      row.error?.message ?? null,
    ]);
    print(renderList(COLUMNS, rows, outputOf(options), styleFor(process.stdout)));
    if (rows.length === 0 && !options.quiet) tell('Nobody was told anything yet.');
  } finally {
    await store.close();
  }
}

/** Throws `usage/channel`, and what went wrong on the way. */
async function test(name: string, options: NotificationsOptions): Promise<void> {
  const project = await openTarget(options);
  const { channels, api } = projectSettings(project.scope);
  const channel = Object.hasOwn(channels, name) ? channels[name] : undefined;
  if (!channel) {
    const names = Object.keys(channels);
    const near = nearest(name, names);
    const there = names.length > 0 ? `There is ${names.join(', ')}.` : 'sluice.yaml has no `channels` yet.';
    throw usage('channel', `There is no channel ${name}`, near ? `Did you mean ${near}?` : there);
  }
  const key = keyOf(project);
  const now = new Date().toISOString();
  const content: NoticeContent = {
    ...{ event: 'failure', kinds: ['failure'], ...key, job: 'test', run_id: null, status: 'failed', owner: null },
    error_code: 'test',
    error_message: 'This is a test of the channel; no job failed.',
    since: now,
    at: now,
    bound_ms: null,
  };
  const providers = providersUsed(project.scope, channel.settings);
  const interrupt = exitOnInterrupt();
  try {
    const settings = { ...channel, channel: name, on: [], secret_providers: providers };
    const place = { ...key, projectDir: project.dir, env: project.env, stateStore: stateStoreOf(project) };
    const request = { ...place, notification: randomUUID(), settings, content, url: api.url };
    const error = await deliver(request, interrupt.signal);
    if (error !== null) throw SluiceError.fromJSON(error);
    if (!options.quiet) tell(`${name} took it.`);
  } finally {
    interrupt.dispose();
  }
}

function keyOf(project: OpenProject): { project: string; target: string } {
  return { project: project.project.name, target: project.scope.target ?? 'default' };
}
