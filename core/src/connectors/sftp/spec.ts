import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';
import { serverFiles, serverRoot } from '../shared/file-settings.ts';
import { FILE_TYPES, writtenFiles } from '../shared/files/settings.ts';
import { serverPassword, serverPort } from '../shared/server-settings.ts';

const sftpConnection = schema({
  type: 'object',
  properties: {
    host: {
      type: 'string',
      minLength: 1,
      description: 'Name or address of the server.',
      examples: ['sftp.example.com'],
    },
    port: serverPort('22'),
    user: { type: 'string', minLength: 1, description: 'User.' },
    password: serverPassword('${env:SFTP_PASSWORD}'),
    private_key: {
      type: 'string',
      'x-kind': 'secret',
      description: 'Private key, as a text: OpenSSH, PEM (PKCS#1, SEC 1, PKCS#8) or PuTTY.',
      examples: ['${file:/run/secrets/sftp_key}'],
    },
    private_key_file: {
      type: 'string',
      'x-kind': 'path',
      minLength: 1,
      description: 'File with the private key; `~` is the home folder.',
      examples: ['~/.ssh/id_ed25519'],
    },
    passphrase: { type: 'string', 'x-kind': 'secret', description: 'Passphrase of the private key.' },
    host_key: {
      type: 'string',
      minLength: 1,
      description: 'Key of the server: its fingerprint, as `ssh-keygen -l` shows it, or the public key itself.',
      examples: ['SHA256:uNiVztksCsDhcc0u9e8BrbjZFpAuSFLeN8xnqWYdZ5w'],
    },
    known_hosts_file: {
      type: 'string',
      'x-kind': 'path',
      minLength: 1,
      description: 'File with the keys of servers, where `host_key` is left out (~/.ssh/known_hosts).',
    },
    root: serverRoot,
  },
  required: ['host'],
  additionalProperties: false,
  'x-synonyms': {
    hostname: 'host',
    username: 'user',
    key_file: 'private_key_file',
    private_key_path: 'private_key_file',
    fingerprint: 'host_key',
    base_path: 'root',
    directory: 'root',
  },
});

export const sourceSpec = defineSpec({
  kind: 'source',
  type: 'sftp',
  title: 'SFTP',
  text: 'Files of a server that is reached by SSH.',
  settings: serverFiles,
  connection: sftpConnection,
  secrets: ['password', 'private_key', 'passphrase'],
  address: ['host', 'port', 'root'],
  capabilities: { yields: 'bytes', batch: true, streaming: false, placement: 'any' },
  examples: [
    'type: sftp\nhost: sftp.example.com\nuser: ingest\nprivate_key_file: ~/.ssh/id_ed25519\nroot: /exports\npath: orders-*.csv\n',
    'type: sftp\nhost: sftp.example.com\nuser: ingest\npassword: ${env:SFTP_PASSWORD}\nhost_key: SHA256:uNiVztksCsDhcc0u9e8BrbjZFpAuSFLeN8xnqWYdZ5w\npath: in/**/*.json\n',
  ],
  notes: [
    '- The server is believed only by its key: the one of `host_key`, else one of the file of known hosts. Without either the run fails and shows the fingerprint that the server gave.',
    '- Of private keys every container is read: OpenSSH, PEM (PKCS#1, SEC 1, PKCS#8) and PuTTY (versions 2 and 3), with a passphrase or without. Keys and passphrases are in no message.',
    '- What was loaded is known by path, size and time. A transfer that breaks goes on where it stopped; a file whose bytes are not as many as its listing said fails the run.',
    '- Large files come in parts of 4 MiB, several at a time. Links are followed.',
  ].join('\n'),
});

export const destinationSpec = defineSpec({
  kind: 'destination',
  type: 'sftp',
  title: 'SFTP',
  text: 'Files in a folder of a server that is reached by SSH: a folder for each commit.',
  settings: schema({
    type: 'object',
    properties: {
      path: {
        type: 'string',
        minLength: 1,
        description:
          'Folder of the data below the root; made when it is not there. `${stream:name}` gives each stream its own.',
        examples: ['in/orders', 'in/${stream:name}'],
      },
      ...writtenFiles.properties,
      format: { ...writtenFiles.properties.format, default: 'csv' },
    },
    required: ['path'],
    additionalProperties: false,
    'x-synonyms': writtenFiles['x-synonyms'],
  }),
  connection: sftpConnection,
  secrets: ['password', 'private_key', 'passphrase'],
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
    'type: sftp\nhost: sftp.example.com\nuser: partner\nprivate_key_file: ~/.ssh/id_ed25519\nroot: /incoming\npath: orders\n',
    'type: sftp\nhost: sftp.example.com\nuser: partner\npassword: ${env:SFTP_PASSWORD}\nhost_key: SHA256:uNiVztksCsDhcc0u9e8BrbjZFpAuSFLeN8xnqWYdZ5w\npath: out/events\nformat: json\n',
  ],
  notes: `${FILE_TYPES}
- Files are only added. \`replace\` and \`merge\` want \`delta\` or a table, and a full refresh wants another \`path\`.
- Each commit is one folder below \`path\`, named by its number and commit id. It is brought over beside \`path\`, in the hidden folder
  \`.<name>.sluice\`, and renamed into place once, on the server: readers see it whole or not at all. Read \`path/**/*.csv\`.
- The server has to know \`posix-rename@openssh.com\`, as OpenSSH does, also for folders; one that does not is refused at the first run. Where
  it knows \`fsync@openssh.com\` files are on its disk before they are committed.
- Checkpoint, ledger and fence lie in the hidden folder. A run that was overtaken by another cannot commit any more: what it would
  have renamed was renamed away. A connection that breaks at the rename is settled by looking whether it took place.
- \`_commit\` in each folder says what it is: commit id, checkpoint, columns and counts. Rows that were set aside are in
  \`_quarantine/*.jsonl\` beside it.
- A column that comes later is missing in earlier files.
- \`sluice sql\` fetches the committed files first.`,
});
