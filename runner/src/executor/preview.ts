import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { type Job, SluiceError, type Stream } from '@sluice/core';
import { type Inferred, inferStream, previewStream } from '@sluice/core/runtime';
import type { PreviewResult, RunRequest } from './api.ts';
import { expandJob } from './expand.ts';
import { type Redact, redactDeep, redactorOf } from './redact.ts';
import { withReferences } from './resolve.ts';
import { lastWindow } from './windowed.ts';

/** The folder that a preview of this process works in, under the project; for whoever has to end it early. */
export function previewSpool(projectDir: string): string {
  return join(projectDir, '.sluice', 'spool', `preview-${process.pid}`);
}

/**
 * The first rows of a stream after columns, transforms and checks, read in this process; nothing is written but the spool,
 * which goes again. Throws SluiceErrors without secrets.
 */
export async function preview(
  request: Pick<RunRequest, 'projectDir' | 'job' | 'env' | 'stream' | 'stateStore'> & {
    rows: number;
    profile?: boolean;
    bytesAs?: string;
  },
  signal: AbortSignal,
): Promise<PreviewResult> {
  const written = await expandJob(request, signal);
  const window = lastWindow(streamOf(written.streams, request.stream));
  const job = await withReferences({ ...request, job: written, window }, signal);
  const redact = redactorOf(job);
  const stream = streamOf(job.streams, request.stream);
  const notes: string[] = [];
  try {
    const found = await previewStream({
      stream,
      projectDir: request.projectDir,
      spool: previewSpool(request.projectDir),
      rows: request.rows,
      window,
      profile: request.profile === true,
      ...(request.bytesAs === undefined ? {} : { bytesAs: request.bytesAs }),
      memory: job.compute.memory,
      threads: availableParallelism(),
      signal,
      log: (level, message) => {
        if (level === 'warn' || level === 'error') notes.push(redact(message));
      },
    });
    const { evidence, warnings } = found.plan;
    return {
      columns: found.columns,
      rows: found.rows,
      notes: [...evidence, ...warnings].map(redact).concat(notes),
      rejected: found.rejected,
      profile: found.profile,
      bytes: found.bytes,
    };
  } catch (error) {
    throw told(error, job, stream, redact);
  }
}

/** What the source of a stream holds, and why it would be read so; see `preview`. */
export async function infer(
  request: Pick<RunRequest, 'projectDir' | 'job' | 'env' | 'stream' | 'stateStore'> & { glance?: boolean },
  signal: AbortSignal,
): Promise<Inferred> {
  const written = await expandJob(request, signal);
  const window = lastWindow(streamOf(written.streams, request.stream));
  const job = await withReferences({ ...request, job: written, window }, signal);
  const redact = redactorOf(job);
  const stream = streamOf(job.streams, request.stream);
  const { projectDir } = request;
  try {
    const look = { spool: previewSpool(projectDir), rows: 20_000, window, threads: availableParallelism() };
    const glance = request.glance === true;
    const input = { ...look, stream, projectDir, memory: job.compute.memory, glance, signal, log: () => undefined };
    return redactDeep(await inferStream(input), redact);
  } catch (error) {
    throw told(error, job, stream, redact);
  }
}

function told(error: unknown, job: Job, stream: Stream, redact: Redact): SluiceError {
  const known = error instanceof SluiceError ? error : new SluiceError('engine/failed', 'terminal', String(error));
  const json = redactDeep(known.toJSON(), redact);
  return SluiceError.fromJSON({ ...json, where: { job: job.name, stream: stream.name, ...json.where } });
}

function streamOf(streams: readonly Stream[], name: string | null): Stream {
  const found = name === null ? streams[0] : streams.find((stream) => stream.name === name);
  if (!found) {
    throw new SluiceError('stream/unknown', 'config', `The job has no stream ${name}`, {
      hint: `There is ${streams.map((stream) => stream.name).join(', ')}.`,
    });
  }
  return found;
}
