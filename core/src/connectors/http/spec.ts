import { compression } from '../../spec/compression.ts';
import { type Schema, schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';

const scalar = { type: ['string', 'integer', 'number', 'boolean'] } as const satisfies Schema;

const name = { type: 'string', minLength: 1 } as const;
/** Names that lead to a value in a JSON document. */
const jsonPath = { type: 'string', pattern: '^[^.]+(\\.[^.]+)*$' } as const;

const headers = schema({
  type: 'object',
  additionalProperties: { type: 'string' },
  description: 'Headers of each request.',
  examples: [{ Accept: 'text/csv' }],
});

/** A JSON value that may be nested so deep. */
function anyValue(depth: number): Schema {
  const type = ['object', 'array', 'string', 'integer', 'number', 'boolean', 'null'] as const;
  if (depth === 0) return { type: type.slice(2) };
  return { type, additionalProperties: anyValue(depth - 1), items: anyValue(depth - 1) };
}

const secret = (description: string, example: string) =>
  ({ type: 'string', 'x-kind': 'secret', minLength: 1, description, examples: [example] }) as const;

function closed(
  properties: Readonly<Record<string, Schema>>,
  required: readonly string[],
  description: string,
): Schema {
  return { type: 'object', description, properties, required, additionalProperties: false };
}

const auth: Schema = {
  type: 'object',
  description: 'How requests say who they are from. Credentials go to the host of `base_url` and to no other.',
  'x-union': {
    key: 'type',
    of: {
      none: closed({}, [], 'They do not.'),
      basic: closed(
        { user: { ...name, description: 'User.' }, password: secret('Password.', '${env:API_PASSWORD}') },
        ['user', 'password'],
        'User and password.',
      ),
      bearer: closed({ token: secret('Token.', '${env:API_TOKEN}') }, ['token'], 'A token, after `Bearer`.'),
      api_key: closed(
        {
          key: secret('The key.', '${env:API_KEY}'),
          in: {
            type: 'string',
            enum: ['header', 'query'],
            'x-enum-text': ['In a header.', 'In the query of the address.'],
            default: 'header',
            description: 'Where the key stands.',
          },
          name: { ...name, description: 'Name of the header or parameter (X-API-Key, api_key).' },
        },
        ['key'],
        'A key in a header or in the query.',
      ),
      oauth2_client_credentials: closed(
        {
          token_url: { ...name, 'x-kind': 'url', description: 'Where tokens are made out; relative to `base_url`.' },
          client_id: { ...name, description: 'Id of the client.' },
          client_secret: secret('Secret of the client.', '${env:API_CLIENT_SECRET}'),
          scope: { ...name, description: 'Rights to ask for, with spaces between them.' },
          credentials_in: {
            type: 'string',
            enum: ['header', 'body'],
            'x-enum-text': ['In an Authorization header (RFC 6749, 2.3.1).', 'As fields of the form.'],
            default: 'header',
            description: 'How the client says who it is.',
          },
        },
        ['token_url', 'client_id', 'client_secret'],
        'Tokens that are fetched, kept while they are valid, and fetched anew (RFC 6749, 4.4).',
      ),
    },
  },
};

const maxPages: Schema = {
  type: 'integer',
  minimum: 1,
  default: 100_000,
  description: 'Pages after which the run fails: a listing that does not end.',
};
const param = (text: string): Schema => ({ ...name, description: text });

const pagination: Schema = {
  type: 'object',
  description: 'How the next page is asked for. Left out: there is one.',
  'x-union': {
    key: 'type',
    of: {
      link_header: closed({ max_pages: maxPages }, [], 'A `Link` header with rel="next" (RFC 8288).'),
      next_url: closed(
        { next: { ...jsonPath, description: 'Names that lead to the address of the next page.' }, max_pages: maxPages },
        ['next'],
        'The page holds the address of the next one.',
      ),
      cursor: closed(
        {
          next: { ...jsonPath, description: 'Names that lead to the next cursor.' },
          param: param('Parameter that carries it: of the query, or with POST and a body of the body.'),
          max_pages: maxPages,
        },
        ['next', 'param'],
        'The page holds a cursor for the next one.',
      ),
      page: closed(
        {
          param: param('Parameter with the number of the page (page).'),
          start: { type: 'integer', minimum: 0, description: 'Number of the first page (1).' },
          page_size: { type: 'integer', minimum: 1, description: 'Rows of a page, sent as `size_param`.' },
          size_param: param('Parameter that carries `page_size`; left out: it is not sent.'),
          max_pages: maxPages,
        },
        [],
        'Pages have numbers; an empty one is the end.',
      ),
      offset: closed(
        {
          param: param('Parameter with the number of rows before the page (offset).'),
          start: { type: 'integer', minimum: 0, description: 'Offset of the first page (0).' },
          page_size: { type: 'integer', minimum: 1, description: 'Rows of a page, sent as `size_param`.' },
          size_param: param('Parameter that carries `page_size` (limit).'),
          max_pages: maxPages,
        },
        [],
        'Pages begin at a row; an empty one is the end.',
      ),
    },
  },
};

const httpConnection = schema({
  type: 'object',
  properties: {
    base_url: {
      type: 'string',
      'x-kind': 'url',
      minLength: 1,
      description: 'Address that paths start from, without user and password. Its query, if any, goes with every path.',
      examples: ['https://api.example.com/v2'],
    },
    headers,
    auth,
  },
  required: ['base_url'],
  additionalProperties: false,
  'x-synonyms': { url: 'base_url', host: 'base_url', authentication: 'auth' },
});

export const sourceSpec = defineSpec({
  kind: 'source',
  type: 'http',
  title: 'HTTP',
  text: 'A JSON API, page by page, or a file at an address.',
  settings: schema({
    type: 'object',
    properties: {
      path: {
        type: 'string',
        description: 'Path below `base_url`, or a whole address of the same host.',
        examples: ['orders'],
      },
      method: { type: 'string', enum: ['GET', 'POST'], default: 'GET', description: 'Method of the request.' },
      params: {
        type: 'object',
        additionalProperties: scalar,
        description: 'Parameters of the query.',
        examples: [{ status: 'open', per_page: 100 }],
      },
      body: {
        type: ['object', 'string'],
        additionalProperties: anyValue(4),
        description: 'Body of a POST: a mapping is sent as JSON, a text as it stands.',
      },
      records: {
        ...jsonPath,
        description:
          'Names that lead to the list of records; null there is a list without records. Left out: the page is the list, or lines of records (NDJSON) where the server or `format` says so.',
        examples: ['data.items'],
      },
      cursor_param: {
        type: 'object',
        description: 'With `incremental: {type: cursor}`: the parameter that asks for what is new.',
        properties: {
          name: { ...name, description: 'Name of the parameter.', examples: ['updated_since'] },
          format: {
            ...name,
            description:
              'unix, unix_ms, date, or a strftime pattern. Left out: ISO 8601 for times, else the value itself.',
            examples: ['unix'],
          },
        },
        required: ['name'],
        additionalProperties: false,
        'x-shorthand': 'name',
      },
      pagination,
      rate_limit: {
        type: 'object',
        description: 'No more requests than this.',
        properties: {
          requests: { type: 'integer', minimum: 1, description: 'So many requests …' },
          per: { type: 'string', 'x-kind': 'duration', default: '1s', description: '… in so much time.' },
        },
        required: ['requests'],
        additionalProperties: false,
      },
      compression,
    },
    additionalProperties: false,
    'x-synonyms': {
      url: 'path',
      endpoint: 'path',
      query: 'params',
      data_path: 'records',
      records_path: 'records',
      paginator: 'pagination',
    },
  }),
  connection: httpConnection,
  secrets: ['auth.password', 'auth.token', 'auth.key', 'auth.client_secret'],
  address: ['base_url', 'path'],
  capabilities: {
    yields: 'bytes',
    batch: true,
    streaming: false,
    placement: 'any',
    files: false,
    discovers_path: true,
  },
  examples: [
    'type: http\nbase_url: https://api.example.com/v2\npath: orders\nrecords: data\npagination:\n  type: cursor\n  next: meta.next\n  param: after\n',
    'type: http\nbase_url: https://example.com\npath: exports/orders.csv\nformat: csv\n',
    'type: http\nbase_url: https://api.example.com\npath: events\nauth:\n  type: bearer\n  token: ${env:API_TOKEN}\nparams:\n  per_page: 100\npagination:\n  type: link_header\nrate_limit:\n  requests: 5\n',
  ],
  notes: [
    '- What comes is written to the spool first and read from there: an API gives another answer each time. A page counts when all of it came; a broken one is asked for again, and the run fails by its number where that does not help. Pages are alike: one of another type, or a line of text in the place of a page, is a broken one and not the end.',
    '- 408, 425, 429, 5xx and broken connections are tried again up to 5 times, after `Retry-After` (seconds or a date) or 1, 2, 4 … seconds. Of a large file the rest alone is asked for where the server allows it.',
    '- A cursor, an address or a page that comes a second time fails the run: the listing goes in a circle.',
    '- `sluice discover CONNECTION --path PATH` asks that address once, by GET, and tells the list of records, their fields and the kind of pagination that the answer shows; of the first page of an API, the addresses that it names. `--write` makes a job of each. What it cannot see in one answer (a cursor whose parameter has another name) is to be mended by hand.',
    '- Redirects are followed, five at most. To another host they carry neither credentials nor the headers of the job, and never from https to http. Addresses of next pages have to be of the same host.',
    '- Without `incremental` everything is loaded each time. With `incremental: {type: files}` (without pagination) a request asks only for what changed (ETag, Last-Modified); an answer without either is known by its content.',
    '- The format is the one that `Content-Type` says, where the job names none. Messages show addresses without their query.',
  ].join('\n'),
});
