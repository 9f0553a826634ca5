import { createHash, createVerify, generateKeyPairSync } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { HttpServer, json, type Seen } from './http-server.ts';

const FOLDER = 'application/vnd.google-apps.folder';
const SHEET = 'application/vnd.google-apps.spreadsheet';

interface Stored {
  id: string;
  name: string;
  parent: string;
  mimeType: string;
  modifiedTime: string;
  body: Buffer;
  sheets: Record<string, unknown[][]>;
  trashed?: boolean;
  shortcut?: { targetId: string; targetMimeType: string };
}

/** Drive and Sheets as Google's reference describes the calls that a reader makes, with the token's server beside them. */
export class FakeGoogle {
  readonly server: HttpServer;
  readonly files = new Map<string, Stored>();
  /** Ids of changed files in the order of their changes. */
  readonly changes: string[] = [];
  readonly email = 'reader@project.iam.example.com';
  readonly credentials: string;
  /** Files of one page of a listing. */
  pageSize = 2;
  /** true: it has answered itself. */
  fault: (seen: Seen, response: ServerResponse) => boolean = () => false;
  readonly #publicKey;
  #tokens = 0;
  #mayWrite = false;

  private constructor(server: HttpServer) {
    this.server = server;
    const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
    this.#publicKey = pair.publicKey;
    const private_key = pair.privateKey.export({ type: 'pkcs8', format: 'pem' });
    this.credentials = JSON.stringify({
      type: 'service_account',
      client_email: this.email,
      private_key,
      token_uri: `${server.url}/token`,
    });
    this.put('root', 'root', { mimeType: FOLDER, parent: '' });
  }

  static async start(): Promise<FakeGoogle> {
    const fake = new FakeGoogle(await HttpServer.start());
    fake.server.handler = (seen, response) => fake.#answer(seen, response);
    return fake;
  }

  get url(): string {
    return this.server.url;
  }

  get paths(): string[] {
    return this.server.seen.map(({ path }) => path);
  }

  put(id: string, name: string, more: Partial<Stored> & { text?: string } = {}): void {
    const { text = '', ...rest } = more;
    const modifiedTime = `2026-01-01T10:00:${String(this.changes.length % 60).padStart(2, '0')}.000Z`;
    const base = { id, name, parent: 'root', mimeType: 'text/csv', modifiedTime, body: Buffer.from(text), sheets: {} };
    this.files.set(id, { ...base, ...rest });
    this.changes.push(id);
  }

  folder(id: string, name: string, parent = 'root'): void {
    this.put(id, name, { mimeType: FOLDER, parent });
  }

  sheet(id: string, name: string, sheets: Record<string, unknown[][]>): void {
    this.put(id, name, { mimeType: SHEET, sheets });
  }

  stop(): Promise<void> {
    return this.server.stop();
  }

  #answer(seen: Seen, response: ServerResponse): void {
    if (this.fault(seen, response)) return;
    if (seen.path === '/token') {
      this.#token(seen, response);
      return;
    }
    const token = Number(/^Bearer token-(\d+)$/.exec(seen.headers.authorization ?? '')?.[1] ?? 0);
    if (token < 1 || token > this.#tokens) {
      refuse(response, 401, 'authError');
      return;
    }
    const [, , , kind, id = '', , range = ''] = seen.path.split('/').map(decodeURIComponent);
    if (seen.path.startsWith('/v4/spreadsheets/')) {
      this.#spreadsheet(kind ?? '', seen, response);
      return;
    }
    if (kind === 'changes') {
      this.#feed(id, seen, response);
      return;
    }
    if (kind === 'files' && seen.method !== 'GET') {
      if (this.#mayWrite) this.#write(id, seen, response);
      else refuse(response, 403, 'insufficientPermissions');
      return;
    }
    if (kind === 'files' && id !== '') {
      this.#file(id, seen, response);
      return;
    }
    if (kind === 'files') {
      this.#list(seen, response);
      return;
    }
    refuse(response, 404, `notFound ${range}`);
  }

  #token(seen: Seen, response: ServerResponse): void {
    const form = new URLSearchParams(seen.body);
    const [head = '', claims = '', signature = ''] = (form.get('assertion') ?? '').split('.');
    const isSigned = createVerify('RSA-SHA256')
      .update(`${head}.${claims}`)
      .verify(this.#publicKey, signature, 'base64url');
    const { iss, aud, scope } = JSON.parse(Buffer.from(claims, 'base64url').toString());
    if (
      !isSigned ||
      iss !== this.email ||
      aud !== `${this.url}/token` ||
      !/auth\/drive(?:\.readonly)? /.test(String(scope))
    ) {
      response.writeHead(400, { 'content-type': 'application/json' });
      response.end('{"error":"invalid_grant","error_description":"Invalid JWT Signature."}');
      return;
    }
    this.#mayWrite = / ?\S+auth\/drive /.test(String(scope));
    json(response, { access_token: `token-${++this.#tokens}`, expires_in: 3599, token_type: 'Bearer' });
  }

  #list({ query }: Seen, response: ServerResponse): void {
    const [, parent, name] =
      /^'([^']+)' in parents (?:and name = '((?:[^'\\]|\\.)*)' )?and trashed = false$/.exec(query.q ?? '') ?? [];
    const all = [...this.files.values()].filter(
      (file) =>
        !file.trashed &&
        (parent === undefined ? file.mimeType !== FOLDER : file.parent === parent) &&
        (name === undefined || file.name === name.replace(/\\(.)/g, '$1')),
    );
    if (query.orderBy === 'createdTime desc') all.reverse();
    const from = Number(query.pageToken ?? 0);
    const files = all.slice(from, from + this.pageSize).map(described);
    const next = from + this.pageSize < all.length ? { nextPageToken: String(from + this.pageSize) } : {};
    json(response, { files, incompleteSearch: false, ...next });
  }

  /** Makes a file (POST) or changes one (PATCH). */
  #write(id: string, { method, query, body }: Seen, response: ServerResponse): void {
    const given = JSON.parse(body || '{}') as Partial<Stored> & { parents?: string[] };
    if (method === 'POST') {
      const made = `made-${this.files.size}`;
      this.put(made, given.name ?? '', { mimeType: given.mimeType ?? '', parent: given.parents?.[0] ?? '' });
      json(response, { id: made });
      return;
    }
    const file = this.files.get(id);
    if (!file || (query.removeParents !== undefined && query.removeParents !== file.parent)) {
      refuse(response, 404, 'notFound');
      return;
    }
    Object.assign(file, given, query.addParents === undefined ? {} : { parent: query.addParents });
    this.changes.push(id);
    json(response, described(file));
  }

  #file(id: string, { query, headers }: Seen, response: ServerResponse): void {
    const file = this.files.get(id);
    if (!file) {
      refuse(response, 404, 'notFound');
      return;
    }
    if (query.alt !== 'media') {
      json(response, described(file));
      return;
    }
    const from = Number(/bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0);
    response.writeHead(from > 0 ? 206 : 200, {
      'content-type': file.mimeType,
      'content-length': file.body.length - from,
    });
    response.end(file.body.subarray(from));
  }

  #feed(id: string, { query }: Seen, response: ServerResponse): void {
    if (id === 'startPageToken') {
      json(response, { startPageToken: String(this.changes.length) });
      return;
    }
    const found = this.changes.slice(Number(query.pageToken));
    json(response, { changes: found.map((fileId) => ({ fileId })), newStartPageToken: String(this.changes.length) });
  }

  #spreadsheet(id: string, { path }: Seen, response: ServerResponse): void {
    const file = this.files.get(id);
    if (!file) {
      refuse(response, 404, 'NOT_FOUND');
      return;
    }
    const [, , , , values, encoded = ''] = path.split('/');
    if (values === undefined) {
      const sheets = Object.entries(file.sheets).map(([title, rows]) => ({
        properties: { title, gridProperties: { rowCount: Math.max(1, rows.length), columnCount: 26 } },
      }));
      json(response, { sheets });
      return;
    }
    const [, title = '', cells = ''] = /^'((?:[^']|'')+)'!(.*)$/.exec(decodeURIComponent(encoded)) ?? [];
    const rows = file.sheets[title.replaceAll("''", "'")] ?? [];
    const [first, last] = cells.split(':').map((cell) => Number(/\d+/.exec(cell)?.[0] ?? Number.NaN));
    const part = rows.slice((first || 1) - 1, last || undefined);
    json(response, { range: cells, majorDimension: 'ROWS', values: part });
  }
}

function described(file: Stored) {
  const { id, name, mimeType, modifiedTime, body, parent, trashed = false, shortcut } = file;
  const isNative = mimeType.startsWith('application/vnd.google-apps.');
  const own = isNative ? {} : { size: String(body.length), md5Checksum: createHash('md5').update(body).digest('hex') };
  return {
    id,
    name,
    mimeType,
    modifiedTime,
    parents: [parent],
    trashed,
    ...own,
    ...(shortcut ? { shortcutDetails: shortcut } : {}),
  };
}

export function refuse(response: ServerResponse, status: number, reason: string): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ error: { code: status, message: `${reason} here`, errors: [{ reason }] } }));
}
