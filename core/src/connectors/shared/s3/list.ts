import { ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import { SluiceError } from '../../../model/error.ts';
import { plainTag } from './client.ts';

/** An object as a listing or a HEAD tells of it. */
export interface FoundObject {
  key: string;
  size: number;
  etag: string | null;
  modified: Date | null;
}

export interface Listing {
  client: S3Client;
  bucket: string;
  prefix: string;
  /** None that has a further slash behind the prefix. */
  flat?: boolean;
  /** Only keys that come behind this text, put behind the prefix, by their bytes. */
  after?: string;
  /** What the first answer holds is enough. */
  once?: boolean;
  payer?: { RequestPayer?: 'requester' };
  signal: AbortSignal;
  /** Turns an error of the store into what the user is told. */
  explain(error: unknown): Error;
}

/** Every object whose key begins with a prefix, page by page, in the order of their keys. */
export async function* listObjects(listing: Listing): AsyncIterable<FoundObject> {
  let token: string | undefined;
  for (;;) {
    const page = await onePage(listing, token);
    const decode = page.EncodingType === 'url' ? decodeKey : (text: string) => text;
    for (const object of page.Contents ?? []) {
      if (object.Key === undefined) continue;
      const { Size, ETag, LastModified } = object;
      yield { key: decode(object.Key), size: Size ?? 0, etag: plainTag(ETag), modified: LastModified ?? null };
    }
    if (!page.IsTruncated || listing.once) return;
    if (page.NextContinuationToken === undefined || page.NextContinuationToken === token) {
      throw new SluiceError('source/listing', 'terminal', `The listing of bucket ${listing.bucket} does not go on`, {
        hint: 'The store says that there is more and does not say where: its listing cannot be trusted.',
      });
    }
    token = page.NextContinuationToken;
  }
}

async function onePage(listing: Listing, token: string | undefined) {
  const { client, bucket, prefix, flat, after, payer, signal, explain } = listing;
  const request = new ListObjectsV2Command({
    Bucket: bucket,
    EncodingType: 'url',
    ...(prefix === '' ? {} : { Prefix: prefix }),
    ...(flat ? { Delimiter: '/' } : {}),
    ...(after ? { StartAfter: prefix + after } : {}),
    ...(token === undefined ? {} : { ContinuationToken: token }),
    ...payer,
  });
  try {
    return await client.send(request, { abortSignal: signal });
  } catch (error) {
    throw explain(error);
  }
}

/** A key of a listing that was asked for in URL form: a plus sign stands for a space. */
export function decodeKey(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}
