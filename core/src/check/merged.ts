import type { Json, JsonObject } from '../model/json.ts';
import { plainOf } from './plain.ts';
import type { JobView } from './view.ts';

/** A job as it stands after `defaults` and the job were laid under its streams: plain values in normal form. */
export interface MergedJob {
  /** The whole job as one file would say it. */
  whole: JsonObject;
  streams: { name: string; value: JsonObject }[];
}

/** The merged job of a file; null where the file holds no mapping. */
export function mergedJob(view: JobView): MergedJob | null {
  if (!view.root || !view.job) return null;
  const job = plainOf(view.job) as JsonObject;
  const written = (plainOf(view.root) as JsonObject).streams;
  return {
    whole: written === undefined ? job : { ...job, streams: written as Json },
    streams: view.streams.map(({ name, node }) => ({ name, value: plainOf(node) as JsonObject })),
  };
}
