import { afterLoad } from '../../spec/after-load.ts';
import { compression } from '../../spec/compression.ts';
import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';
import { FILE_SYNONYMS, fileExclude, filePath, fileRegex, minAge } from '../shared/file-settings.ts';

const gdriveConnection = schema({
  type: 'object',
  properties: {
    credentials: {
      type: 'string',
      'x-kind': 'secret',
      minLength: 1,
      description: 'Key of a service account, as the JSON text that Google gives.',
      examples: ['${file:/run/secrets/google.json}'],
    },
    credentials_file: { type: 'string', 'x-kind': 'path', minLength: 1, description: 'File with that JSON text.' },
    subject: {
      type: 'string',
      minLength: 1,
      description: 'User in whose name the service account reads, where the domain allows it to.',
      examples: ['data@example.com'],
    },
    drive_id: {
      type: 'string',
      minLength: 1,
      description: 'Id of a shared drive. Left out: what is shared with the account.',
    },
    endpoint: {
      type: 'string',
      'x-kind': 'url',
      minLength: 1,
      description: "Address of both APIs, instead of Google's own: for a gateway.",
    },
    token_uri: {
      type: 'string',
      'x-kind': 'url',
      minLength: 1,
      description: 'Where tokens are made out, instead of what the credentials name.',
    },
  },
  additionalProperties: false,
  'x-synonyms': {
    service_account: 'credentials_file',
    service_account_file: 'credentials_file',
    key_file: 'credentials_file',
    credentials_json: 'credentials',
    impersonate: 'subject',
    shared_drive_id: 'drive_id',
  },
});

export const sourceSpec = defineSpec({
  kind: 'source',
  type: 'gdrive',
  title: 'Google Drive',
  text: 'Files and spreadsheets of a folder in Google Drive, read by a service account.',
  settings: schema({
    type: 'object',
    properties: {
      folder_id: {
        type: 'string',
        minLength: 1,
        description:
          'Id of the folder that `path` starts from: the end of its address. Left out: the root of `drive_id`.',
      },
      path: { ...filePath, description: 'One file or a pattern of files below the folder.' },
      file_id: {
        type: 'string',
        minLength: 1,
        description: 'Id of one file, instead of `folder_id` and `path`.',
      },
      exclude: fileExclude,
      regex: fileRegex,
      min_age: minAge('0s', 'Files changed more recently wait for a later run.'),
      after_load: afterLoad,
      compression,
    },
    additionalProperties: false,
    'x-synonyms': { ...FILE_SYNONYMS, folder: 'folder_id', spreadsheet_id: 'file_id' },
  }),
  connection: gdriveConnection,
  secrets: ['credentials'],
  address: ['drive_id', 'endpoint', 'folder_id', 'file_id'],
  capabilities: { yields: 'bytes', batch: true, streaming: false, placement: 'any' },
  examples: [
    'type: gdrive\ncredentials_file: google.json\nfolder_id: 1AbCdEfGhIjKlMnOpQrStUvWxYz012345\npath: "*.csv"\n',
    'type: gdrive\ncredentials_file: google.json\nfile_id: 1AbCdEfGhIjKlMnOpQrStUvWxYz012345\nformat:\n  type: sheets\n  sheet: Orders\n',
  ],
  notes: [
    '- Not verified against a real server: the tests run against one of their own that answers as Google’s reference says.',
    '- `after_load` puts a file into the trash, or moves it into a folder below `folder_id`, which is made where it is missing; of a shortcut it is the shortcut that goes. The account has to be an editor of the folder, and with `after_load` alone asks for more than read-only rights.',
    '- Share the folder with its address, which stands in the credentials as `client_email`, or make it a member of the shared drive.',
    '- Drive allows two files of one name in a folder: the second one is called `name#id`. A slash in a name is written as `%2F`. Shortcuts are followed to files, not to folders.',
    '- What was loaded is known by path, size, checksum and time; spreadsheets by path, sheet, range and time (`Report!Orders!A3:F`). With a ledger of files the feed of changes is asked first: where nothing changed nothing is listed.',
    '- Spreadsheets are read whatever `format` says (`sheets` chooses sheet, range and header); Docs and other documents of Google’s own are no rows and left out.',
  ].join('\n'),
});
