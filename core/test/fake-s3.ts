import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Keys of one page of a listing, as S3 has them. */
const PAGE = 1000;

interface Stored {
  body: Buffer;
  modified: string;
}

/** A bucket whose times and faults a test decides: listing, HEAD and ranged GET as S3's reference has them. */
export class FakeS3 {
  readonly objects = new Map<string, Stored>();
  readonly requests: { method: string; path: string; range: string | undefined }[] = [];
  /** Bytes of objects that were sent. */
  sent = 0;
  /** Called before each request; true: it has answered itself. */
  fault: (request: IncomingMessage, response: ServerResponse) => boolean = () => false;
  #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<FakeS3> {
    const server = createServer();
    const fake = new FakeS3(server);
    server.on('request', (request, response) => fake.#answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  put(key: string, body: string | Buffer, modified = '2026-01-01T10:00:00.000Z'): void {
    this.objects.set(key, { body: Buffer.from(body), modified });
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', this.url);
    const { range } = request.headers;
    this.requests.push({ method: request.method ?? '', path: `${url.pathname}${url.search}`, range });
    if (this.fault(request, response)) return;
    const [, , ...rest] = url.pathname.split('/');
    const key = decodeURIComponent(rest.join('/'));
    if (key === '') {
      this.#list(url.searchParams, response);
      return;
    }
    const object = this.objects.get(key);
    if (!object) {
      refuse(response, 404, 'NoSuchKey');
      return;
    }
    const etag = tagOf(object);
    if (request.headers['if-match'] !== undefined && request.headers['if-match'] !== etag) {
      refuse(response, 412, 'PreconditionFailed');
      return;
    }
    const found = /^bytes=(\d+)-(\d*)$/.exec(range ?? '');
    const from = Number(found?.[1] ?? 0);
    const to = found?.[2] ? Math.min(Number(found[2]) + 1, object.body.length) : object.body.length;
    response.writeHead(found ? 206 : 200, {
      etag,
      'last-modified': new Date(object.modified).toUTCString(),
      'content-length': to - from,
      ...(found ? { 'content-range': `bytes ${from}-${to - 1}/${object.body.length}` } : {}),
    });
    const wanted = request.method === 'HEAD' ? Buffer.alloc(0) : object.body.subarray(from, to);
    this.sent += wanted.length;
    response.end(wanted);
  }

  #list(query: URLSearchParams, response: ServerResponse): void {
    const prefix = query.get('prefix') ?? '';
    const after = Buffer.from(query.get('continuation-token') ?? '', 'base64').toString();
    const delimiter = query.get('delimiter');
    const all = [...this.objects.keys()]
      .filter((key) => key.startsWith(prefix) && key > after)
      .filter((key) => delimiter === null || !key.slice(prefix.length).includes(delimiter))
      .sort();
    const keys = all.slice(0, PAGE);
    const next = all.length > PAGE ? Buffer.from(keys.at(-1) ?? '').toString('base64') : null;
    const more =
      next === null
        ? '<IsTruncated>false</IsTruncated>'
        : `<IsTruncated>true</IsTruncated><NextContinuationToken>${next}</NextContinuationToken>`;
    const items = keys.map((key) => {
      const object = this.objects.get(key) as Stored;
      return `<Contents><Key>${encodeURIComponent(key)}</Key><LastModified>${object.modified}</LastModified><ETag>${tagOf(object)}</ETag><Size>${object.body.length}</Size></Contents>`;
    });
    const body = `<?xml version="1.0"?><ListBucketResult><EncodingType>url</EncodingType>${more}${items.join('')}</ListBucketResult>`;
    response.writeHead(200, { 'content-type': 'application/xml' }).end(body);
  }
}

function tagOf(object: Stored): string {
  return `"${createHash('md5').update(object.body).digest('hex')}"`;
}

export function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/xml' });
  response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code} here</Message></Error>`);
}
