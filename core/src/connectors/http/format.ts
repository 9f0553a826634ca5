import type { JsonObject } from '../../model/json.ts';

const TYPES: Readonly<Record<string, string>> = {
  'text/csv': 'csv',
  'application/csv': 'csv',
  'text/tab-separated-values': 'csv',
  'application/xml': 'xml',
  'text/xml': 'xml',
  'application/vnd.apache.parquet': 'parquet',
  'application/vnd.apache.arrow.stream': 'arrow',
  'application/vnd.apache.arrow.file': 'arrow',
  'application/x-ndjson': 'json',
  'application/jsonl': 'json',
  'application/ndjson': 'json',
  'application/x-jsonlines': 'json',
  'application/json': 'json',
  'text/json': 'json',
};
const ENDINGS: Readonly<Record<string, string>> = {
  csv: 'csv',
  tsv: 'csv',
  json: 'json',
  ndjson: 'json',
  jsonl: 'json',
  xml: 'xml',
  parquet: 'parquet',
  avro: 'avro',
  arrow: 'arrow',
};

/** The format that the server names, else the one that the address ends in; null where neither says anything. */
export function formatOf(
  contentType: string | undefined,
  path: string,
  records: string | undefined,
): { type: string; settings: JsonObject } | null {
  const media = (contentType ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  const named = TYPES[media] ?? (media.endsWith('+json') ? 'json' : undefined);
  const ending = /\.([a-z]+)(?:\.(?:gz|zst|bz2|xz))?$/i.exec(path)?.[1]?.toLowerCase() ?? '';
  const type = named ?? ENDINGS[ending];
  if (type === undefined) return records === undefined ? null : { type: 'json', settings: { records } };
  return { type, settings: type === 'json' && records !== undefined ? { records } : {} };
}

/** Whether the server says that each line is a document. */
export function isNdjson(contentType: string | undefined): boolean {
  return /^application\/(?:x-ndjson|ndjson|jsonl|x-jsonlines)\b/i.test(contentType ?? '');
}

/** By the first byte that is no space. */
export function looksLikeJson(body: Buffer): boolean {
  const text = body
    .subarray(0, 1000)
    .toString('latin1')
    .replace(/^\xef\xbb\xbf/, '')
    .trimStart();
  return text.startsWith('{') || text.startsWith('[');
}
