import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { Context } from '../../model/engine.ts';
import { SluiceError } from '../../model/error.ts';
import type { FileIdentity } from '../../model/run.ts';
import type { Ask, HttpClient } from './client.ts';
import type { Answer } from './refusal.ts';

export interface Got {
  size: number;
  contentType: string | undefined;
  etag: string | null;
  modified: string | null;
  /** sha256 of the bytes. */
  hash: string;
}

/**
 * Downloads one answer into a file; null where the server says that it is what `before` was. Throws `columns/large` where it has more
 * than `most` bytes.
 */
export async function fetchFile(
  client: HttpClient,
  ask: Ask,
  path: string,
  before: FileIdentity | null,
  { most, signal, came }: { most: number } & Pick<Context, 'signal' | 'came'>,
): Promise<Got | null> {
  let at = 0;
  let validator: string | null = null;
  const conditions = before ? conditional(before) : {};
  // A try after a break asks for the rest, if the file is still the same.
  const headers = (): Record<string, string> =>
    at > 0 && validator !== null ? { range: `bytes=${at}-`, 'if-range': validator } : conditions;
  const handle = await open(path, 'w');
  try {
    const got = await client.send({ ...ask, headers, accepts: [304] }, async (answer) => {
      if (answer.status === 304) return null;
      if (answer.status !== 206) {
        at = 0;
        validator = resumable(answer);
        await handle.truncate(0);
      }
      for await (const chunk of answer.body as AsyncIterable<Buffer>) {
        signal.throwIfAborted();
        await handle.write(chunk, 0, chunk.length, at);
        at += chunk.length;
        if (at > most) throw tooLarge(ask.label, most);
        came?.(chunk.length, 0);
      }
      return {
        type: answer.headers['content-type'],
        etag: answer.headers.etag,
        modified: answer.headers['last-modified'],
      };
    });
    if (got === null) return null;
    const hash = createHash('sha256');
    await pipeline(createReadStream(path), hash, { signal });
    const modified = got.modified === undefined ? Number.NaN : Date.parse(got.modified);
    return {
      size: at,
      contentType: got.type,
      etag: got.etag ?? null,
      modified: Number.isNaN(modified) ? null : new Date(modified).toISOString(),
      hash: hash.digest('hex'),
    };
  } finally {
    await handle.close();
  }
}

/** What `If-Range` may hold for this answer (RFC 9110, 13.1.5); null where its rest cannot be asked for. */
function resumable({ headers }: Answer): string | null {
  if (headers['accept-ranges'] !== 'bytes' || headers['content-encoding'] !== undefined) return null;
  const { etag } = headers;
  return etag !== undefined && !etag.startsWith('W/') ? etag : null;
}

function conditional(before: FileIdentity): Record<string, string> {
  const headers: Record<string, string> = {};
  if (before.etag !== null && !before.etag.startsWith('sha256:')) headers['if-none-match'] = before.etag;
  if (before.modified_at !== null) headers['if-modified-since'] = new Date(before.modified_at).toUTCString();
  return headers;
}

function tooLarge(label: string, most: number): SluiceError {
  return new SluiceError('columns/large', 'config', `${label}: the answer has more than ${most / 1e6} MB`, {
    hint: 'A run of the job writes down the columns that it read, and so does `sluice infer`.',
  });
}
