import { rmSync } from 'node:fs';
import { entryOf, type Job, messageOf, SluiceError, type Stream } from '@sluice/core';
import { atDestination, type DestinationSession } from './destination.ts';
import { expandJob } from './expand.ts';
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

async function testSource(asked: Look, signal: AbortSignal): Promise<SourceFound> {
  const job = await withReferences(asked);
  const [stream] = job.streams;
  if (!stream) throw new SluiceError('stream/unknown', 'config', 'There is no stream to test');
  const key = { project: job.project, target: job.target, job: job.name, stream: stream.name };
  const probes = await probeSource({ ...asked, key, stream, signal });
  const found: SourceFound = { probes, inferred: null, error: null, sample: null };
  if (probes.some(({ error }) => error !== null) || probes.length < 2) return found;
  const redact = redactorOf(job);
  try {
    const { format, files, sampled_rows, columns, evidence, warnings } = await infer(asked, signal);
    found.inferred = { format, files, sampled_rows, columns, evidence, warnings };
    const shown = await preview({ ...asked, rows: SAMPLE_ROWS }, signal);
    found.sample = { columns: shown.columns, rows: shown.rows };
  } catch (error) {
    const known = error instanceof SluiceError ? error : new SluiceError('source/failed', 'terminal', messageOf(error));
    found.error = known.toJSON();
  }
  return redactDeep(found, redact);
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
