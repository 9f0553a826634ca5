import type { IncomingMessage } from 'node:http';
import { PassThrough, type Readable, type Transform } from 'node:stream';
import * as zlib from 'node:zlib';

/** An answer whose bytes are not what its headers promise. */
export class BrokenBody extends Error {}

// Node has zstd from 22.15 on.
const { createZstdDecompress } = zlib as { createZstdDecompress?: () => Transform };

export const ENCODINGS = createZstdDecompress ? 'gzip, br, zstd' : 'gzip, br';

const DECODERS: Readonly<Record<string, (() => Transform) | undefined>> = {
  gzip: () => zlib.createGunzip(),
  'x-gzip': () => zlib.createGunzip(),
  deflate: () => zlib.createInflate(),
  br: () => zlib.createBrotliDecompress(),
  ...(createZstdDecompress ? { zstd: createZstdDecompress } : {}),
};

/** The body without its content encoding. Its errors are `BrokenBody` where the encoding is damaged. */
export function decoded(message: IncomingMessage): Readable {
  const names = (message.headers['content-encoding'] ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity');
  let body: Readable = message;
  for (const name of names.reverse()) {
    const make = DECODERS[name];
    // What cannot be decoded here is left as it is: files are known by their first bytes.
    if (!make) return body;
    body = piped(body, make(), name);
  }
  return body;
}

function piped(from: Readable, decoder: Transform, name: string): Readable {
  const out = new PassThrough();
  from.on('error', (error) => out.destroy(error));
  from.on('close', () => {
    if (!from.readableEnded) out.destroy(Object.assign(new Error('aborted'), { code: 'ECONNRESET' }));
  });
  decoder.on('error', (error) => out.destroy(new BrokenBody(`its ${name} encoding is damaged: ${error.message}`)));
  out.on('close', () => {
    from.destroy();
    decoder.destroy();
  });
  from.pipe(decoder).pipe(out);
  return out;
}
