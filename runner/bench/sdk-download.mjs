// What a user would write to fetch the objects of a prefix with the SDK, several at a time.
// usage: S3_URL=… node sdk-download.mjs FOLDER
import { createWriteStream } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';

const require = createRequire(new URL('../../core/package.json', import.meta.url));
const { GetObjectCommand, ListObjectsV2Command, S3Client } = require('@aws-sdk/client-s3');
const [folder] = process.argv.slice(2);
const credentials = { accessKeyId: 'key', secretAccessKey: process.env.S3_SECRET };
const client = new S3Client({ endpoint: process.env.S3_URL, region: 'us-east-1', forcePathStyle: true, credentials });
const { Contents } = await client.send(new ListObjectsV2Command({ Bucket: 'bench', Prefix: 'big/' }));
const keys = Contents.map(({ Key }) => Key);
await Promise.all(
  Array.from({ length: 8 }, async () => {
    for (let key = keys.pop(); key !== undefined; key = keys.pop()) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: 'bench', Key: key }));
      await pipeline(Body, createWriteStream(join(folder, basename(key))));
    }
  }),
);
client.destroy();
