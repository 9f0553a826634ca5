import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';
import { serverFiles, serverRoot } from '../shared/file-settings.ts';
import { serverPassword, serverPort, sslAuthorities } from '../shared/server-settings.ts';

const ftpConnection = schema({
  type: 'object',
  properties: {
    host: {
      type: 'string',
      minLength: 1,
      description: 'Name or address of the server.',
      examples: ['ftp.example.com'],
    },
    port: serverPort('21; 990 with `tls: implicit`'),
    user: { type: 'string', minLength: 1, description: 'User (anonymous).' },
    password: serverPassword('${env:FTP_PASSWORD}'),
    tls: {
      type: 'string',
      enum: ['none', 'explicit', 'implicit'],
      'x-enum-text': [
        'Nothing is encrypted: the password goes over the network as it is.',
        'Encrypted from the login on (RFC 4217); a server that does not do so is refused.',
        'Encrypted from the first byte on, as older servers have it.',
      ],
      description: 'How the connection is encrypted (none).',
    },
    ssl_ca: sslAuthorities,
    root: serverRoot,
  },
  required: ['host'],
  additionalProperties: false,
  'x-synonyms': {
    hostname: 'host',
    username: 'user',
    secure: 'tls',
    ftps: 'tls',
    base_path: 'root',
    directory: 'root',
  },
});

export const sourceSpec = defineSpec({
  kind: 'source',
  type: 'ftp',
  title: 'FTP',
  text: 'Files of an FTP server, with TLS or without.',
  settings: serverFiles,
  connection: ftpConnection,
  secrets: ['password'],
  address: ['host', 'port', 'root'],
  capabilities: { yields: 'bytes', batch: true, streaming: false, placement: 'any' },
  examples: [
    'type: ftp\nhost: ftp.example.com\nuser: ingest\npassword: ${env:FTP_PASSWORD}\ntls: explicit\npath: exports/*.csv\n',
  ],
  notes: [
    '- Transfers are passive (EPSV, else PASV) and go to the host of the connection, whatever address the server names: servers behind a router name one that cannot be reached.',
    '- What was loaded is known by path, size and time. Times come from MLSD or MDTM; where a server has neither, size alone tells a changed file, and `min_age` cannot hold a file back.',
    '- A transfer that breaks goes on where it stopped (REST). A file whose bytes are not as many as the server said fails the run.',
    '- Two files come at a time, over two connections.',
  ].join('\n'),
});
