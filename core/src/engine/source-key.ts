import type { SourceTable } from '../model/component.ts';
import { SluiceError } from '../model/error.ts';
import type { Stream } from '../model/job.ts';
import { plannedName } from './settle.ts';

/**
 * The stream with its source's own primary key, under the job's names, where it merges and names none. Throws
 * `destination/key` (config) where the source has none either.
 */
export function keyed(stream: Stream, source: SourceTable): Stream {
  const { destination } = stream;
  if (destination.write_disposition !== 'merge' || destination.primary_key.length > 0) return stream;
  if (source.primary_key.length === 0) {
    throw new SluiceError('destination/key', 'config', 'The source has no primary key, and merge needs one', {
      where: { stream: stream.name },
      hint: 'Name the columns that make a row unique in `destination.primary_key`.',
    });
  }
  const names = new Map(stream.columns.flatMap((c) => (c.from === null ? [] : [[c.from, c.name] as const])));
  const primary_key = source.primary_key.map((name) => names.get(name) ?? plannedName(stream, name));
  return { ...stream, destination: { ...destination, primary_key } };
}
