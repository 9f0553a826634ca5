import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  type S3Client,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import type { FileIdentity } from '../../model/run.ts';
import type { Clearing } from '../shared/clear.ts';
import type { FoundObject } from '../shared/s3/list.ts';

/** A store copies at most 5 GiB in one request. */
const MAX_COPY = 5 * 1024 ** 3;
const COPY_PART = 1024 ** 3;

interface Place {
  client: S3Client;
  bucket: string;
  signal: AbortSignal;
  head(key: string): Promise<FoundObject | null>;
  explain(error: unknown, key: string): Error;
}

/** Clears objects away in a bucket: a move is a copy, made only of the object that was loaded, and a deletion. */
export function s3Clearing(place: Place): Clearing {
  const { client, bucket, signal, head } = place;
  const options = () => ({ abortSignal: AbortSignal.any([signal]) });
  const remove = (file: FileIdentity) =>
    client.send(new DeleteObjectCommand({ Bucket: bucket, Key: file.path }), options()).then(() => undefined);
  const told = <T>(key: string, work: Promise<T>) =>
    work.catch((error: unknown) => {
      throw place.explain(error, key);
    });
  return {
    async look(path) {
      const found = await head(path);
      return found && { path, size: found.size, modified_at: found.modified?.toISOString() ?? null, etag: found.etag };
    },
    remove: (file) => told(file.path, remove(file)),
    async move(file, to) {
      const there = await head(to);
      // A copy that a stopped run made is told by its tag.
      const isCopied = there !== null && there.etag === file.etag && there.size === file.size;
      if (there !== null && !isCopied) return false;
      if (!isCopied) await told(file.path, copy(place, file, to));
      await told(file.path, remove(file));
      return true;
    },
  };
}

async function copy({ client, bucket, signal }: Place, { path, size, etag }: FileIdentity, to: string): Promise<void> {
  const options = () => ({ abortSignal: AbortSignal.any([signal]) });
  const source = {
    CopySource: `${bucket}/${path}`.split('/').map(encodeURIComponent).join('/'),
    ...(etag === null ? {} : { CopySourceIfMatch: `"${etag}"` }),
  };
  const target = { Bucket: bucket, Key: to };
  if (size <= MAX_COPY) {
    await client.send(new CopyObjectCommand({ ...target, ...source }), options());
    return;
  }
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(target), options());
  const parts: { ETag: string | undefined; PartNumber: number }[] = [];
  for (let from = 0; from < size; from += COPY_PART) {
    const part = { UploadId, PartNumber: parts.length + 1 };
    const range = `bytes=${from}-${Math.min(size, from + COPY_PART) - 1}`;
    const request = new UploadPartCopyCommand({ ...target, ...source, ...part, CopySourceRange: range });
    const answer = await client.send(request, options());
    parts.push({ ETag: answer.CopyPartResult?.ETag, PartNumber: part.PartNumber });
  }
  const whole = { ...target, UploadId, MultipartUpload: { Parts: parts } };
  await client.send(new CompleteMultipartUploadCommand(whole), options());
}
