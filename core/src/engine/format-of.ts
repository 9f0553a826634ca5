import type { LocalFile } from '../model/component.ts';
import { SluiceError } from '../model/error.ts';
import type { Stream } from '../model/job.ts';
import * as registry from '../registry.ts';
import { COMPRESSED_NAME } from './compression/magic.ts';
import type { StreamPlan } from './stream-plan.ts';

/** The job's word, else the source's, else the name of the first file. */
export function formatOf(
  stream: Stream,
  files: readonly LocalFile[],
): { type: string; settings: StreamPlan['formatSettings']; evidence: string[] } {
  const known = files.find((file) => file.format)?.format;
  const type = stream.format?.type ?? known?.type;
  if (type === undefined) {
    const sniffed = sniffFormat(files);
    return { ...sniffed, evidence: [`format ${sniffed.type}, by the file names`] };
  }
  const settings = { ...stream.format?.settings, ...(known?.type === type ? known.settings : {}) };
  return { type, settings, evidence: stream.format ? [] : [`format ${type}, by what the source says`] };
}

function sniffFormat(files: readonly LocalFile[]): { type: string; settings: Record<string, never> } {
  const type = formatByName(files[0]?.name ?? '');
  if (type !== null) return { type, settings: {} };
  throw new SluiceError(
    'format/unknown',
    'config',
    `Cannot tell the format of ${files[0]?.name ?? 'the source'} by its name`,
    {
      hint: `Write \`format:\` under source; known: ${Object.keys(registry.formats).join(', ')}.`,
    },
  );
}

/** The format that a file's name tells of; null where it tells of none. */
export function formatByName(name: string): string | null {
  const extension = /\.([a-z0-9]+)$/i.exec(name.replace(COMPRESSED_NAME, ''))?.[1]?.toLowerCase() ?? '';
  const type =
    {
      tsv: 'csv',
      txt: 'csv',
      pq: 'parquet',
      ndjson: 'json',
      jsonl: 'json',
      log: 'text',
      arrows: 'arrow',
      feather: 'arrow',
    }[extension] ?? extension;
  return Object.hasOwn(registry.formats, type) ? type : null;
}
