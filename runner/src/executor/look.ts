import { rmSync } from 'node:fs';
import { entryOf, type Job, messageOf, SluiceError, type SluiceErrorJson, type Stream } from '@sluice/core';
import { planFiles, planFolder } from '../repo/plan-files.ts';
import { atDestination, type DestinationSession } from './destination.ts';
import { expandJob } from './expand.ts';
import { foresee } from './foresee.ts';
import { infer, preview, previewSpool } from './preview.ts';
import { probeSource } from './probe.ts';
import type { Asked, Look, Question, Questions, SetAside, SourceFound, Told } from './questions.ts';
import { redactDeep, redactorOf, redactorOfValues } from './redact.ts';
import { withReferences } from './resolve.ts';
import { rewind } from './rewind.ts';
import { windowsToFill, windowsToRun } from './windows.ts';

/** Entry of the child process that answers one question and ends: it loads the engine, so that its parent need not. */

type Answers = {
  [Q in Question]: (asked: Questions[Q]['asked'], signal: AbortSignal) => Promise<Questions[Q]['answer']>;
};

const SAMPLE_ROWS = 20;

const ANSWERS: Answers = {
  test_source: testSource,
  // The work of a large project is done beside the daemon, which has leases to keep.
  plan_files: async (asked, signal) => {
    const { diagnostics, ...made } = planFiles(asked);
    return { ...(await lookedInto(asked, made, signal)), diagnostics };
  },
  plan_folder: async (asked, signal) => lookedInto(asked, await planFolder(asked), signal),
  preview: (asked, signal) => preview(asked, signal),
  quarantine: (asked, signal) =>
    atStreams(asked, signal, async (session, stream): Promise<SetAside> => {
      const { quarantineGroups, quarantined } = session;
      if (!quarantineGroups || !quarantined) throw unsupported(stream);
      const groups = await quarantineGroups.call(session);
      const filter = { open: !asked.all, ...(asked.code === null ? {} : { code: asked.code }) };
      const rows = await quarantined.call(session, filter, { limit: asked.limit, offset: 0 });
      return { stream: stream.name, groups: groups.map((group) => ({ ...group })), rows };
    }),
  replay_entries: async (asked, signal) => {
    const found = await atStreams(asked, signal, async (session, stream) => {
      if (!session.quarantineGroups) throw unsupported(stream);
      const open = (await session.quarantineGroups()).filter(
        ({ rows, replayed, withheld }) => rows > replayed + withheld,
      );
      return open.map(({ code }) => entryOf(code)).filter((entry) => entry !== null);
    });
    return [...new Set(found.flat())];
  },
  windows_to_run: (asked, signal) => windowsToRun({ ...asked, signal, onWait: () => undefined }, Date.now()),
  windows_to_fill: (asked, signal) =>
    windowsToFill({ ...asked, signal, onWait: () => undefined }, { ...asked, now: Date.now() }),
  rewind: async (asked, signal) => {
    const job = await expandJob(asked, signal);
    return rewind({ ...asked, job, signal, onWait: () => undefined });
  },
};

const stop = new AbortController();
process.title = 'sluice look';
process.on('disconnect', () => stop.abort());
process.on('SIGINT', () => undefined);
process.on('message', (message: Asked) => void answer(message));

async function answer({ question, asked }: Asked): Promise<void> {
  let told: Told;
  try {
    // Each answer takes what its own question asks.
    told = {
      ok: true,
      answer: await (ANSWERS[question] as (asked: unknown, signal: AbortSignal) => Promise<never>)(asked, stop.signal),
    };
  } catch (error) {
    const known = error instanceof SluiceError ? error : new SluiceError('look/failed', 'terminal', messageOf(error));
    told = { ok: false, error: redactDeep(known.toJSON(), redactorOfValues([])) };
  }
  rmSync(previewSpool(asked.projectDir), { recursive: true, force: true });
  if (process.connected) process.send?.(told, () => process.exit(0));
  else process.exit(0);
}

/** A plan as the parent is told of it, with what was seen of the streams that it changes, where that was asked for. */
async function lookedInto(
  { projectDir, actual, connect }: Questions['plan_files' | 'plan_folder']['asked'],
  { project, plan, desired }: Awaited<ReturnType<typeof planFolder>>,
  signal: AbortSignal,
) {
  const jobs = desired.map(({ name, file, tags }) => ({ name, file, tags }));
  if (!connect) return { project, plan, jobs, seen: [] };
  const trusted = actual.jobs.filter(({ name }) => connect.trusted.includes(name));
  const asked = { ...connect, projectDir, plan, desired, applied: actual.jobs, trusted, signal };
  return { project, plan, jobs, seen: await foresee({ ...asked, onWait: () => undefined }) };
}

async function testSource(request: Questions['test_source']['asked'], signal: AbortSignal): Promise<SourceFound> {
  const found: SourceFound = { probes: [], tables: null, inferred: null, error: null, sample: null };
  const expanded = await expandJob(request, signal).catch((error: unknown) => {
    found.probes.push({ what: 'reach', side: 'source', found: null, error: asJson(error) });
    return null;
  });
  const name = expanded?.streams[0]?.name;
  if (!expanded || name === undefined) return found;
  if (expanded !== request.job) found.tables = expanded.streams.map(({ source }) => String(source.settings.table));
  const asked = { ...request, job: expanded, stream: name };
  const job = await withReferences(asked, signal);
  const stream = job.streams[0]!;
  const key = { project: job.project, target: job.target, job: job.name, stream: name };
  found.probes = await probeSource({ ...asked, key, stream, signal });
  const isRead = found.probes.length === 2 && found.probes.every(({ error }) => error === null);
  if (!isRead || !request.sample) return found;
  try {
    const { format, files, sampled_rows, columns, evidence, warnings } = await infer(asked, signal);
    found.inferred = { format, files, sampled_rows, columns, evidence, warnings };
    const shown = await preview({ ...asked, rows: SAMPLE_ROWS }, signal);
    found.sample = { columns: shown.columns, rows: shown.rows };
  } catch (error) {
    found.error = asJson(error);
  }
  return redactDeep(found, redactorOf(job));
}

function asJson(error: unknown): SluiceErrorJson {
  const known = error instanceof SluiceError ? error : new SluiceError('source/failed', 'terminal', messageOf(error));
  return known.toJSON();
}

/** Looks into the destination of each stream that was asked for. */
async function atStreams<T>(
  asked: Look,
  signal: AbortSignal,
  look: (session: DestinationSession, stream: Stream) => Promise<T>,
): Promise<T[]> {
  const { projectDir, stateStore } = asked;
  const job: Job = await withReferences({ ...asked, job: await expandJob(asked, signal) });
  const found: T[] = [];
  for (const stream of job.streams) {
    if (asked.stream !== null && asked.stream !== stream.name) continue;
    const key = { project: job.project, target: job.target, job: job.name, stream: stream.name };
    const place = {
      projectDir,
      key,
      use: stream.destination,
      stateStore,
      holder: 'the API',
      signal,
      onWait: () => undefined,
    };
    found.push(await atDestination(place, (session) => look(session, stream)));
  }
  return found;
}

function unsupported({ destination }: Stream): SluiceError {
  const message = `Rows set aside in ${destination.type} cannot be read back`;
  return new SluiceError('quarantine/unsupported', 'config', message);
}
