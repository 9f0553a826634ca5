import { afterLoad } from '../../spec/after-load.ts';
import { compression } from '../../spec/compression.ts';
import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';
import { FILE_SYNONYMS, fileExclude, filePath, fileRegex, minAge } from '../shared/file-settings.ts';
import { FILE_TYPES, writtenFiles } from '../shared/files/settings.ts';
import { s3Connection } from '../shared/s3/settings.ts';

export const sourceSpec = defineSpec({
  kind: 'source',
  type: 's3',
  title: 'S3',
  text: 'Objects of a bucket in Amazon S3 or a store that speaks its protocol. Paths are keys.',
  settings: schema({
    type: 'object',
    properties: {
      path: {
        ...filePath,
        description: 'One key or a pattern of keys: `*` between slashes, `**` across them, `{a,b}` either.',
      },
      exclude: fileExclude,
      regex: fileRegex,
      min_age: minAge('0s', 'Objects written more recently wait for a later run.'),
      compression,
      after_load: afterLoad,
    },
    required: ['path'],
    additionalProperties: false,
    'x-synonyms': FILE_SYNONYMS,
  }),
  connection: s3Connection,
  secrets: ['secret_access_key', 'session_token'],
  address: ['bucket', 'endpoint'],
  capabilities: { yields: 'bytes', folders: true, batch: true, streaming: false, placement: 'any' },
  examples: [
    'type: s3\nbucket: acme-lake\nregion: eu-central-1\npath: orders/**/*.csv\n',
    'type: s3\nbucket: acme-lake\nendpoint: http://127.0.0.1:9000\naccess_key_id: ${env:LAKE_KEY}\nsecret_access_key: ${env:LAKE_SECRET}\npath: events/*.parquet\n',
  ],
  notes: [
    '- A key is taken as it is, whatever characters it holds. Only what a pattern may match is listed: everything before its first wildcard is asked for as a prefix. Keys that end in `/` are marks of folders and left out.',
    '- What was loaded is known by key, size, ETag and time together, and each run compares the whole listing: an object that becomes visible late, or has the same or an older time than those before it, is loaded all the same. There is no look-back window that it could miss.',
    '- Objects beyond 64 MiB come in parts of 16 MiB, several at a time; a broken transfer goes on where it stopped, and only if the object is still the same (ETag). The number of bytes has to be that of the listing; checksums that the store keeps beside an object are not computed again.',
    '- Rows that go straight into a DuckDB table are loaded from the first objects while the others still come in, in one transaction.',
    '- Of a Parquet object the footer is read first, then the columns that the job uses; a sample reads the footer alone.',
    '- `after_load` deletes an object, or copies it within the bucket and then deletes it. It wants `s3:DeleteObject`, a move `s3:PutObject` too.',
    '- Rights: `s3:GetObject`, and for patterns `s3:ListBucket`.',
  ].join('\n'),
});

export const destinationSpec = defineSpec({
  kind: 'destination',
  type: 's3',
  title: 'S3',
  text: 'Objects of a bucket in Amazon S3 or a store that speaks its protocol: a folder for each commit.',
  settings: schema({
    type: 'object',
    properties: {
      path: {
        type: 'string',
        minLength: 1,
        description: 'Folder of the data in the bucket. `${stream:name}` gives each stream its own.',
        examples: ['lake/orders', 'lake/${stream:name}'],
      },
      ...writtenFiles.properties,
    },
    required: ['path'],
    additionalProperties: false,
    'x-synonyms': { ...writtenFiles['x-synonyms'], prefix: 'path', key: 'path' },
  }),
  connection: s3Connection,
  secrets: ['secret_access_key', 'session_token'],
  capabilities: {
    batch: true,
    streaming: true,
    commit_class: 'append_only',
    write_dispositions: ['append'],
    holds: 'files',
    max_identifier: null,
    placement: 'any',
  },
  examples: [
    'type: s3\nbucket: acme-lake\nregion: eu-central-1\npath: lake/orders\n',
    'type: s3\nbucket: acme-lake\nendpoint: https://minio.example.com:9000\naccess_key_id: ${env:LAKE_KEY}\nsecret_access_key: ${env:LAKE_SECRET}\npath: lake/events\nformat: json\npartition_by: [day]\n',
  ],
  notes: `${FILE_TYPES}
- Objects are only added. \`replace\` and \`merge\` want \`delta\` or a table, and a full refresh wants another \`path\`.
- A commit is one folder below \`path\`, named by run, stream and epoch. Read \`path/**/*.parquet\` (\`.csv\`, \`.ndjson\`, \`.arrow\`).
- Nothing of a commit is to be seen before it: files are multipart uploads until then. The commit is one conditional write of the
  stream's state; right after it the uploads are completed one after the other, and \`_commit\` is written last, with the list of
  files. So a reader may find some files of the newest commit and not yet all; one that reads only folders with a \`_commit\` sees whole
  commits. A run that dies in between has committed: the next one, or its own cleaning up, completes the rest, and repeats nothing.
- State, fence and ledger lie in the hidden folder \`.<name>.sluice\` beside \`path\`. The store has to heed If-None-Match and If-Match on
  writes, as Amazon S3, MinIO and Cloudflare R2 do; one that does not is refused at the first run.
- Uploads that no one completes cost storage. Each run gives up those of runs that died; a lifecycle rule for incomplete uploads may
  clear the rest, if its days are more than a run takes.
- Rows that were set aside are in \`_quarantine/*.jsonl\` of their commit's folder.
- A column that comes later is missing in earlier files; read them with a union by name.
- \`sluice sql\` fetches the committed files first.
- Rights: \`s3:GetObject\`, \`s3:PutObject\`, \`s3:DeleteObject\`, \`s3:ListBucket\`, \`s3:AbortMultipartUpload\`,
  \`s3:ListMultipartUploadParts\`, \`s3:ListBucketMultipartUploads\`.`,
});
