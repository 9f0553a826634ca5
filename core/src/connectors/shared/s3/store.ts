import { createReadStream, createWriteStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { bucketOf, explainS3, isAbsent, openClient, plainTag, type S3Settings, type Side, statusOf } from './client.ts';
import { decodeKey, type FoundObject, listObjects } from './list.ts';

/** Only where there is no object of the key, or only where the object has this tag. */
export type Condition = { absent: true } | { etag: string };

/** A file that is with the store and becomes an object once it is completed; until then nobody sees it. */
export interface Upload {
  key: string;
  id: string;
  size: number;
  /** Tags of its parts, in order. */
  parts: string[];
}

/** A store's own limits: parts of at least 5 MiB but for the last, at most 10,000 of them. */
const PART_BYTES = 16 * 1024 * 1024;
const MAX_PARTS = 10_000;

/** One bucket as destinations use it. Methods throw `destination/*` (or `source/*`) errors that name the key. */
export class ObjectStore {
  readonly bucket: string;
  readonly #client: S3Client;
  readonly #settings: S3Settings;
  readonly #signal: AbortSignal;
  readonly #side: Side;
  /** What every request says: the bucket, and who pays. */
  readonly #place: { Bucket: string; RequestPayer?: 'requester' };

  constructor(settings: S3Settings, signal: AbortSignal, side: Side = 'destination') {
    this.bucket = bucketOf(settings, side);
    this.#place = { Bucket: this.bucket, ...(settings.requester_pays ? { RequestPayer: 'requester' } : {}) };
    this.#settings = settings;
    this.#signal = signal;
    this.#side = side;
    this.#client = openClient(settings, side);
  }

  /** The object's bytes and tag; null where there is none. For what fits into memory. */
  async get(key: string): Promise<{ bytes: Buffer; etag: string } | null> {
    return this.#orNull(key, async () => {
      const answer = await this.#client.send(new GetObjectCommand({ ...this.#place, Key: key }), this.#options);
      return {
        bytes: Buffer.from((await answer.Body?.transformToByteArray()) ?? []),
        etag: plainTag(answer.ETag) ?? '',
      };
    });
  }

  /** Writes an object into a file. */
  async fetch(key: string, path: string): Promise<void> {
    await this.#told(key, async () => {
      const answer = await this.#client.send(new GetObjectCommand({ ...this.#place, Key: key }), this.#options);
      await pipeline(answer.Body as Readable, createWriteStream(path));
    });
  }

  async head(key: string): Promise<FoundObject | null> {
    return this.#orNull(key, async () => {
      const answer = await this.#client.send(new HeadObjectCommand({ ...this.#place, Key: key }), this.#options);
      const { ContentLength: size = 0, ETag, LastModified: modified = null } = answer;
      return { key, size, etag: plainTag(ETag), modified };
    });
  }

  /**
   * Writes an object in one request, which takes place whole or not at all. Returns its tag; null where the condition did not
   * hold. A request that was repeated because its first answer was lost finds its own object there: that counts as written,
   * so bytes under a condition have to differ from those of any other writer.
   */
  async put(key: string, body: string | Buffer, condition?: Condition): Promise<string | null> {
    const bytes = Buffer.from(body);
    const request = new PutObjectCommand({
      ...this.#place,
      Key: key,
      Body: bytes,
      ...(condition === undefined
        ? {}
        : 'absent' in condition
          ? { IfNoneMatch: '*' }
          : { IfMatch: `"${condition.etag}"` }),
    });
    try {
      return plainTag((await this.#client.send(request, this.#options)).ETag) ?? '';
    } catch (error) {
      // A condition on an object that is gone is answered with 404, one on an object that is just being written with 409.
      const failed = condition !== undefined && (isAbsent(error) || [409, 412].includes(statusOf(error)));
      if (!failed) throw this.#explain(error, key);
      const there = await this.get(key);
      return there?.bytes.equals(bytes) ? there.etag : null;
    }
  }

  /** Every object below a prefix; `flat` and `after` as in a `Listing`. */
  list(prefix: string, some: { flat?: boolean; after?: string } = {}): AsyncIterable<FoundObject> {
    const explain = (error: unknown) => this.#explain(error);
    return listObjects({
      client: this.#client,
      bucket: this.bucket,
      payer: this.#place,
      prefix,
      ...some,
      signal: this.#signal,
      explain,
    });
  }

  /** Removing what is not there succeeds. */
  async remove(key: string): Promise<void> {
    await this.#orNull(key, () =>
      this.#client.send(new DeleteObjectCommand({ ...this.#place, Key: key }), this.#options),
    );
  }

  /** Brings a file to the store so that it can be completed later, by any process. */
  async upload(key: string, path: string, size: number): Promise<Upload> {
    return this.#told(key, async () => {
      const begun = await this.#client.send(
        new CreateMultipartUploadCommand({ ...this.#place, Key: key }),
        this.#options,
      );
      const upload: Upload = { key, id: begun.UploadId ?? '', size, parts: [] };
      const bytes = Math.max(PART_BYTES, Math.ceil(size / MAX_PARTS));
      for (let from = 0; from === 0 || from < size; from += bytes) {
        const end = Math.min(size, from + bytes);
        const answer = await this.#client.send(
          new UploadPartCommand({
            ...this.#place,
            Key: key,
            UploadId: upload.id,
            PartNumber: upload.parts.length + 1,
            Body: end === from ? Buffer.alloc(0) : await readPart(path, from, end),
          }),
          this.#options,
        );
        upload.parts.push(plainTag(answer.ETag) ?? '');
      }
      return upload;
    });
  }

  /** Tries the right to write a key, which then holds nothing. */
  async tryWrite(key: string): Promise<void> {
    await this.#told(key, async () => {
      const target = { ...this.#place, Key: key };
      const { UploadId } = await this.#client.send(new CreateMultipartUploadCommand(target), this.#options);
      await this.#client.send(new AbortMultipartUploadCommand({ ...target, UploadId }), this.#options);
    });
  }

  /** Whether an upload that was not completed still stands as it was left. */
  async isWaiting(upload: Upload): Promise<boolean> {
    const tags: (string | null)[] = [];
    for (let marker: string | undefined; ; ) {
      const page = await this.#orNull(upload.key, () =>
        this.#client.send(
          new ListPartsCommand({
            ...this.#place,
            Key: upload.key,
            UploadId: upload.id,
            ...(marker === undefined ? {} : { PartNumberMarker: marker }),
          }),
          this.#options,
        ),
      );
      if (page === null) return false;
      tags.push(...(page.Parts ?? []).map((part) => plainTag(part.ETag)));
      if (!page.IsTruncated || page.NextPartNumberMarker === undefined) break;
      marker = page.NextPartNumberMarker;
    }
    return tags.length === upload.parts.length && tags.every((tag, i) => tag === upload.parts[i]);
  }

  /** Makes an upload an object. May be repeated; false where the store has neither the upload nor its object. */
  async complete(upload: Upload): Promise<boolean> {
    const { key, id, parts, size } = upload;
    if (!(await this.isWaiting(upload))) return (await this.head(key))?.size === size;
    const done = await this.#orNull(key, () =>
      this.#client.send(
        new CompleteMultipartUploadCommand({
          ...this.#place,
          Key: key,
          UploadId: id,
          MultipartUpload: { Parts: parts.map((tag, i) => ({ ETag: `"${tag}"`, PartNumber: i + 1 })) },
        }),
        this.#options,
      ),
    );
    return done !== null || (await this.head(key))?.size === size;
  }

  /** Gives up every upload below a prefix that was not completed. */
  async giveUp(prefix: string): Promise<void> {
    for (let at: { key: string | undefined; id: string | undefined } | null = { key: undefined, id: undefined }; at; ) {
      const page = await this.#uploads(prefix, at);
      const decode = page.EncodingType === 'url' ? decodeKey : (text: string) => text;
      for (const { Key, UploadId } of page.Uploads ?? []) {
        if (Key === undefined || UploadId === undefined || !decode(Key).startsWith(prefix)) continue;
        const key = decode(Key);
        await this.#orNull(key, () =>
          this.#client.send(new AbortMultipartUploadCommand({ ...this.#place, Key: key, UploadId }), this.#options),
        );
      }
      at = page.IsTruncated ? { key: page.NextKeyMarker, id: page.NextUploadIdMarker } : null;
    }
  }

  close(): void {
    this.#client.destroy();
  }

  /** A signal for each request: the client never takes its listeners off again. */
  get #options(): { abortSignal: AbortSignal } {
    return { abortSignal: AbortSignal.any([this.#signal]) };
  }

  async #uploads(prefix: string, { key, id }: { key: string | undefined; id: string | undefined }) {
    return this.#told(undefined, () =>
      this.#client.send(
        new ListMultipartUploadsCommand({
          ...this.#place,
          Prefix: prefix,
          EncodingType: 'url',
          ...(key === undefined ? {} : { KeyMarker: key }),
          ...(id === undefined ? {} : { UploadIdMarker: id }),
        }),
        this.#options,
      ),
    );
  }

  #explain(error: unknown, key?: string): Error {
    return explainS3(error, this.#settings, key, this.#side);
  }

  async #told<T>(key: string | undefined, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw this.#explain(error, key);
    }
  }

  /** null where what is asked for is not there. */
  async #orNull<T>(key: string, work: () => Promise<T>): Promise<T | null> {
    try {
      return await work();
    } catch (error) {
      if (isAbsent(error)) return null;
      throw this.#explain(error, key);
    }
  }
}

async function readPart(path: string, from: number, end: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of createReadStream(path, { start: from, end: end - 1 })) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
