import { type Job, SluiceError } from '@sluice/core';
import { expandStreams, streamOfTable } from '@sluice/core/runtime';
import { redactDeep, redactorOf } from './redact.ts';
import { type ResolveRequest, withReferences } from './resolve.ts';

/**
 * The job with a stream for each table in the place of those whose table is a pattern; references stay symbols. Asks the source
 * only where there is such a stream. Throws the source's SluiceErrors, without secrets.
 */
export async function expandJob(request: ResolveRequest, signal: AbortSignal): Promise<Job> {
  const { job, projectDir } = request;
  if (!job.streams.some((stream) => stream.tables)) return job;
  const filled = await withReferences(request, signal);
  const entries = await expandStreams(filled.streams, { projectDir, signal, log: () => undefined });
  const streams = entries.flatMap((entry) => {
    if ('error' in entry) throw SluiceError.fromJSON(redactDeep(entry.error.toJSON(), redactorOf(filled)));
    const symbols = job.streams[entry.index];
    if (!symbols) return [];
    return [entry.table ? streamOfTable(symbols, entry.table) : symbols];
  });
  return { ...job, streams };
}
