import { open } from 'node:fs/promises';
import { GetObjectCommand, HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { ByteRange, LocalFile, Source, SourceContext, SourceSession, Split } from '../../model/component.ts';
import type { Folder } from '../../model/folder.ts';
import { afterLoadOf, clearAway, isCleared } from '../shared/clear.ts';
import { discoverFiles } from '../shared/discover.ts';
import { type Download, download, readRanges } from '../shared/download.ts';
import { isLost } from '../shared/network.ts';
import { bucketOf, explainS3, isAbsent, openClient, plainTag, type S3Settings, statusOf } from '../shared/s3/client.ts';
import { type FoundObject, listObjects } from '../shared/s3/list.ts';
import { selection } from '../shared/select.ts';
import { s3Clearing } from './clear.ts';

/**
 * Several objects come at a time, each by one request: a request costs the store and the way there more than its bytes are worth. An object that
 * is as large as many comes in parts, since one connection has its own bound.
 */
export const PARTS = { above: 64 * 1024 * 1024, bytes: 16 * 1024 * 1024, atOnce: 4 };
const FILES_AT_ONCE = 8;

export const source: Source = {
  async connect(ctx) {
    return new S3Session(ctx);
  },
  async discover(ctx) {
    return discoverFiles(new S3Session(ctx));
  },
};

class S3Session implements SourceSession {
  readonly transfers = FILES_AT_ONCE;
  readonly clears: boolean;
  readonly #ctx: SourceContext;
  readonly #settings: S3Settings;
  readonly #bucket: string;
  readonly #client: S3Client;
  readonly #payer: { RequestPayer?: 'requester' };

  constructor(ctx: SourceContext) {
    this.#ctx = ctx;
    this.#settings = ctx.settings as unknown as S3Settings;
    this.clears = afterLoadOf(ctx.settings) !== null;
    this.#bucket = bucketOf(this.#settings);
    this.#client = openClient(this.#settings);
    this.#payer = this.#settings.requester_pays ? { RequestPayer: 'requester' } : {};
  }

  async test(): Promise<void> {
    const { exact, prefix } = selection({ path: '**', ...this.#ctx.settings });
    if (exact === null) {
      for await (const _ of this.list(prefix, false)) return;
      return;
    }
    if ((await this.#head(exact)) === null) await this.#requireBucket(exact);
  }

  async *splits(): AsyncIterable<Split> {
    const wanted = selection(this.#ctx.settings);
    let ordinal = 0;
    const found = wanted.exact === null ? this.list(wanted.prefix, wanted.flat) : this.#one(wanted.exact);
    for await (const { key, size, etag, modified } of found) {
      if (key.endsWith('/') || isCleared(this.#ctx.settings, key) || !wanted.wants(key) || !wanted.isSettled(modified))
        continue;
      const file = { path: key, size, modified_at: modified?.toISOString() ?? null, etag };
      yield { ordinal: ordinal++, bytes: size, file, detail: {} };
    }
  }

  async *#one(key: string): AsyncIterable<FoundObject> {
    const found = await this.#head(key);
    if (found) yield found;
    else await this.#requireBucket(key);
  }

  async #head(key: string): Promise<FoundObject | null> {
    try {
      const answer = await this.#client.send(
        new HeadObjectCommand({ Bucket: this.#bucket, Key: key, ...this.#payer }),
        { abortSignal: this.#ctx.signal },
      );
      return {
        key,
        size: answer.ContentLength ?? 0,
        etag: plainTag(answer.ETag),
        modified: answer.LastModified ?? null,
      };
    } catch (error) {
      if (isAbsent(error)) return null;
      throw explainS3((await this.#reason(error, key)) ?? error, this.#settings, key);
    }
  }

  /** An answer to HEAD has no body: why it was refused is asked for once more. */
  async #reason(error: unknown, key: string): Promise<unknown> {
    return statusOf(error) === 403 || statusOf(error) === 400 ? this.#refusal(key) : null;
  }

  async #refusal(key: string): Promise<unknown> {
    const request = new GetObjectCommand({ Bucket: this.#bucket, Key: key, Range: 'bytes=0-0', ...this.#payer });
    return this.#client.send(request, { abortSignal: this.#ctx.signal }).then(
      () => null,
      (reason: unknown) => reason,
    );
  }

  /** An object that is missing is no fault, a bucket that is missing is one: the answer to HEAD has no body that would tell. */
  async #requireBucket(key: string): Promise<void> {
    const reason = await this.#refusal(key);
    if (reason !== null && (reason as Error).name !== 'NoSuchKey') throw explainS3(reason, this.#settings);
  }

  /** Every object whose key begins with `prefix`; `flat`: none that has a further slash. */
  list(prefix: string, flat: boolean, after = ''): AsyncIterable<FoundObject> {
    const explain = (error: unknown) => explainS3(error, this.#settings);
    const { signal } = this.#ctx;
    return listObjects({
      client: this.#client,
      bucket: this.#bucket,
      prefix,
      flat,
      after,
      once: this.#ctx.glance === true,
      payer: this.#payer,
      signal,
      explain,
    });
  }

  async fetch(split: Split, spool: string): Promise<LocalFile> {
    return download({ ...this.#reading(split), spool, parts: PARTS });
  }

  async fetchRanges(split: Split, path: string, ranges: readonly ByteRange[]): Promise<void> {
    const handle = await open(path, 'r+');
    try {
      const parts = ranges.flatMap(([from, to]) => cut(from, to));
      await readRanges(this.#reading(split), handle, parts, PARTS.atOnce);
    } finally {
      await handle.close();
    }
  }

  #reading(split: Split): Omit<Download, 'spool'> {
    const key = split.file?.path ?? '';
    return {
      split,
      signal: this.#ctx.signal,
      came: this.#ctx.came,
      read: (from, to) => this.#bytes(split, from, to),
      explain: (error) => explainS3(error, this.#settings, key),
      again: (error) => isLost(error) || statusOf(error) >= 500,
    };
  }

  async *#bytes(split: Split, from: number, to: number | null): AsyncIterable<Uint8Array> {
    const { path: key = '', etag = null, size = 0 } = split.file ?? {};
    if (size === 0) return;
    const whole = from === 0 && to === null;
    const answer = await this.#client.send(
      new GetObjectCommand({
        Bucket: this.#bucket,
        Key: key,
        ...(whole ? {} : { Range: `bytes=${from}-${to === null ? '' : to - 1}` }),
        ...(etag === null ? {} : { IfMatch: `"${etag}"` }),
        ...this.#payer,
      }),
      { abortSignal: this.#ctx.signal },
    );
    if (answer.Body) yield* answer.Body as AsyncIterable<Uint8Array>;
  }

  folder(prefix: string) {
    const files: Folder = {
      name: `${this.#bucket}/${prefix}`,
      read: (below) => this.#whole(`${prefix}/${below}`),
      list: async (folder, from = '') => {
        const start = `${prefix}/${folder}/`;
        const found: { name: string; size: number }[] = [];
        for await (const { key, size } of this.list(start, true, from))
          found.push({ name: key.slice(start.length), size });
        return found;
      },
    };
    return { files, detail: () => ({}) };
  }

  /** A whole object; null where there is none. */
  async #whole(key: string): Promise<Buffer | null> {
    try {
      const request = new GetObjectCommand({ Bucket: this.#bucket, Key: key, ...this.#payer });
      const answer = await this.#client.send(request, { abortSignal: this.#ctx.signal });
      return Buffer.from((await answer.Body?.transformToByteArray()) ?? []);
    } catch (error) {
      if (isAbsent(error)) return null;
      throw explainS3(error, this.#settings, key);
    }
  }

  committed(splits: readonly Split[]): Promise<void> {
    const { settings, log, signal } = this.#ctx;
    const place = {
      client: this.#client,
      bucket: this.#bucket,
      signal,
      head: (key: string) => this.#head(key),
      explain: (error: unknown, key: string) => explainS3(error, this.#settings, key),
    };
    return clearAway(splits, settings, s3Clearing(place), log);
  }

  /** Every object of the bucket. */
  async *files(): AsyncIterable<{ path: string; size: number }> {
    for await (const { key, size } of this.list('', false)) yield { path: key, size };
  }

  async close(): Promise<void> {
    this.#client.destroy();
  }
}

function cut(from: number, to: number): ByteRange[] {
  const parts = Math.max(1, Math.ceil((to - from) / PARTS.bytes));
  return Array.from(
    { length: parts },
    (_, i): ByteRange => [from + i * PARTS.bytes, Math.min(to, from + (i + 1) * PARTS.bytes)],
  );
}
