import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';
import { serverFiles, serverRoot } from '../shared/file-settings.ts';
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
    '- Of private keys every container is read: OpenSSH, PEM and PuTTY, with a passphrase or without. Keys and passphrases are in no message.',
    '- What was loaded is known by path, size and time. A transfer that breaks goes on where it stopped; a file whose bytes are not as many as its listing said fails the run.',
    '- Large files come in parts of 4 MiB, several at a time. Links are followed.',
  ].join('\n'),
});
