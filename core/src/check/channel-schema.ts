import { type Schema, schema } from '../spec/schema.ts';
import { RUNTIME_SCHEMAS } from './host.ts';

/** What `{{…}}` of a template can name. */
export const NOTIFICATION_FIELDS = [
  'id',
  'event',
  'kinds',
  'project',
  'target',
  'job',
  'owner',
  'run_id',
  'status',
  'error_code',
  'error_message',
  'bound_ms',
  'since',
  'at',
  'title',
  'text',
  'url',
] as const;

const template = schema({
  type: 'string',
  minLength: 1,
  description:
    'Text with `{{field}}` for the fields of the notification: id, event, kinds, project, target, job, owner, run_id, status, error_code, error_message, bound_ms, since, at, title, text, url. In a JSON body a field stands inside quotes and is escaped.',
});

const to = schema({ type: 'string', minLength: 1, description: 'Who gets it.' });

/** What each type of channel is told; the settings' types are inferred from it. */
export const channelTypes = {
  webhook: schema({
    type: 'object',
    title: 'Webhook',
    description: 'An HTTP request with a JSON body, signed where `secret` is given.',
    additionalProperties: false,
    required: ['url'],
    'x-synonyms': { uri: 'url', endpoint: 'url', signing_secret: 'secret', body: 'template', payload: 'template' },
    properties: {
      url: { type: 'string', 'x-kind': 'url', minLength: 1, description: 'Where the request goes.' },
      secret: {
        type: 'string',
        'x-kind': 'secret',
        minLength: 1,
        description:
          'Key of the signature: `X-Sluice-Signature: t=SECONDS,v1=HEX`, the HMAC-SHA-256 of `SECONDS.BODY` in hexadecimal.',
      },
      headers: {
        type: 'object',
        additionalProperties: { type: 'string' },
        description: 'Headers of the request, beside Content-Type.',
      },
      template: { ...template, description: `The body instead of the usual JSON. ${template.description}` },
    },
  } as const),
  email: schema({
    type: 'object',
    title: 'Mail',
    description: 'A mail over SMTP.',
    additionalProperties: false,
    required: ['host', 'from', 'to'],
    'x-synonyms': {
      smtp_host: 'host',
      server: 'host',
      smtp_port: 'port',
      username: 'user',
      recipients: 'to',
      sender: 'from',
    },
    properties: {
      host: { type: 'string', minLength: 1, description: 'The SMTP server.' },
      port: { type: 'integer', minimum: 1, maximum: 65535, default: 587, description: 'Its port.' },
      tls: {
        type: 'string',
        enum: ['starttls', 'implicit', 'none'],
        'x-enum-text': [
          'Begins in the clear and goes on with TLS; a server without TLS is refused.',
          'TLS from the first byte, as on port 465.',
          'No TLS: for a relay on this machine.',
        ],
        'x-value-synonyms': { required: 'starttls', ssl: 'implicit', smtps: 'implicit', plain: 'none', off: 'none' },
        default: 'starttls',
        description: 'How the connection is protected.',
      },
      user: { type: 'string', minLength: 1, description: 'User of the server, where it asks for one.' },
      password: { type: 'string', 'x-kind': 'secret', minLength: 1, description: 'Password of the user.' },
      from: { type: 'string', minLength: 1, description: 'Sender: `Sluice <sluice@example.com>`.' },
      to: { type: 'array', items: to, minItems: 1, 'x-shorthand': '', description: 'Recipients.' },
    },
  } as const),
  slack: schema({
    type: 'object',
    title: 'Slack',
    description: 'A message through an incoming webhook of Slack.',
    additionalProperties: false,
    required: ['url'],
    'x-synonyms': { webhook: 'url', webhook_url: 'url' },
    properties: {
      url: { type: 'string', 'x-kind': 'secret', minLength: 1, description: "The webhook's address, itself a secret." },
    },
  } as const),
  teams: schema({
    type: 'object',
    title: 'Microsoft Teams',
    description: 'An adaptive card through a workflow webhook of Teams.',
    additionalProperties: false,
    required: ['url'],
    'x-synonyms': { webhook: 'url', webhook_url: 'url' },
    properties: {
      url: { type: 'string', 'x-kind': 'secret', minLength: 1, description: "The webhook's address, itself a secret." },
    },
  } as const),
  command: schema({
    type: 'object',
    title: 'Command',
    description:
      'A program on the machine of the daemon, started without a shell in the project folder; the notification stands on its standard input as JSON. It inherits PATH and HOME alone.',
    additionalProperties: false,
    required: ['command'],
    'x-synonyms': { cmd: 'command', args: 'command', exec: 'command' },
    properties: {
      command: {
        type: 'array',
        items: { type: 'string', minLength: 1 },
        minItems: 1,
        'x-shorthand': '',
        description: 'The program and its arguments; a path with `/` starts at the project folder.',
        examples: [['./notify.sh', '--now']],
      },
      timeout: {
        type: 'string',
        'x-kind': 'duration',
        default: '30s',
        description: 'Longest time; after it the program is ended and the delivery tried again.',
      },
    },
  } as const),
} as const satisfies Readonly<Record<string, Schema>>;

const channel: Schema = {
  type: 'object',
  description: 'Where notifications go.',
  'x-union': { key: 'type', of: channelTypes },
  'x-value-synonyms': {
    http: 'webhook',
    smtp: 'email',
    mail: 'email',
    msteams: 'teams',
    exec: 'command',
    script: 'command',
    shell: 'command',
  },
};
RUNTIME_SCHEMAS.add(channel);

/** `channels` of sluice.yaml. */
export const channels: Schema = {
  type: 'object',
  additionalProperties: channel,
  description: 'Where notifications can go, by name; jobs name them under `notify`.',
};

const NOTIFY_EVENTS = ['failure', 'recovery', 'lateness'] as const;

/** `notify` of a job. */
export const notify: Schema = {
  type: 'array',
  minItems: 1,
  'x-shorthand': '',
  description: 'Who is told about the job. A channel named alone is told of everything.',
  examples: [['oncall'], [{ channel: 'oncall', on: ['failure', 'recovery'] }]],
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['channel'],
    'x-shorthand': 'channel',
    'x-synonyms': { to: 'channel', via: 'channel', events: 'on', when: 'on', on_events: 'on' },
    properties: {
      channel: { type: 'string', 'x-kind': 'channel', description: 'A channel of sluice.yaml.' },
      on: {
        type: 'array',
        minItems: 1,
        uniqueItems: true,
        'x-shorthand': '',
        default: [...NOTIFY_EVENTS],
        description: 'What is told. Each is told once until it is over.',
        items: {
          type: 'string',
          enum: NOTIFY_EVENTS,
          'x-enum-text': [
            'A run failed, after its retries. Further failures are not told before a recovery.',
            'A run succeeded after a failure or lateness that was told.',
            'A bound of `sla` is passed.',
          ],
          'x-value-synonyms': {
            error: 'failure',
            failed: 'failure',
            fail: 'failure',
            on_failure: 'failure',
            success: 'recovery',
            recovered: 'recovery',
            resolved: 'recovery',
            late: 'lateness',
            sla: 'lateness',
            sla_miss: 'lateness',
          },
        },
      },
    },
  },
};

/** `sla` of a job. */
export const sla: Schema = {
  type: 'object',
  additionalProperties: false,
  minProperties: 1,
  description:
    'What the job promises. A bound that is passed counts as lateness: `notify` tells it, `/metrics` shows it.',
  'x-synonyms': {
    max_age: 'freshness',
    staleness: 'freshness',
    deadline: 'freshness',
    max_runtime: 'max_duration',
    duration: 'max_duration',
  },
  properties: {
    freshness: {
      type: 'string',
      'x-kind': 'duration',
      description: "Longest time since the end of the job's last successful run, or since it was first applied.",
    },
    max_duration: {
      type: 'string',
      'x-kind': 'duration',
      description: 'Longest time of a run that is not late. It does not stop the run: `timeout` does.',
    },
  },
};
