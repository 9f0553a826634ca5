import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { discoverApi } from '../src/connectors/http/discover.ts';
import { HttpServer } from './http-server.ts';

describe('what one GET of an API tells', () => {
  let server: HttpServer;
  beforeAll(async () => {
    server = await HttpServer.start();
  });
  afterAll(() => server.stop());

  async function discovered(body: unknown, headers: Record<string, string> = {}, path = 'v1/orders') {
    server.seen.length = 0;
    server.handler = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json', ...headers });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    };
    const { signal } = new AbortController();
    const settings = { base_url: server.url, ...(path === '' ? {} : { path }) };
    const found = await discoverApi({ settings, projectDir: '.', signal, log: () => {} });
    expect(server.seen.map(({ method }) => method)).toEqual(['GET']);
    return found;
  }

  const rows = [
    { id: 1, name: 'a' },
    { id: 2, paid_at: null },
  ];
  const at = { path: 'v1/orders' };

  it.each([
    ['a list', rows, {}, {}],
    ['a list below a name', { data: rows, took: 3 }, {}, { records: 'data' }],
    ['a Link header', rows, { link: '</v1/orders?page=2>; rel="next"' }, { pagination: { type: 'link_header' } }],
    [
      'an address of the next page',
      { results: rows, paging: { next: 'http://127.0.0.1/v1/orders?x' } },
      {},
      { records: 'results', pagination: { type: 'next_url', next: 'paging.next' } },
    ],
    [
      'a link of the next page',
      { items: rows, links: { next: { href: '/v1/orders?page=2' } } },
      {},
      { records: 'items', pagination: { type: 'next_url', next: 'links.next.href' } },
    ],
    [
      'the only page of several',
      { count: 2, next: null, previous: null, results: rows },
      {},
      { records: 'results', pagination: { type: 'next_url', next: 'next' } },
    ],
    [
      'a cursor',
      { orders: rows, response_metadata: { next_cursor: 'xyz' } },
      {},
      { records: 'orders', pagination: { type: 'cursor', next: 'response_metadata.next_cursor', param: 'cursor' } },
    ],
    [
      'a token',
      { orders: rows, nextPageToken: 'xyz' },
      {},
      { records: 'orders', pagination: { type: 'cursor', next: 'nextPageToken', param: 'pageToken' } },
    ],
    [
      'numbers of pages',
      { data: rows, meta: { page: 1, total_pages: 9 } },
      {},
      { records: 'data', pagination: { type: 'page' } },
    ],
    [
      'an offset',
      { data: rows, offset: 0, limit: 2, total: 99 },
      {},
      { records: 'data', pagination: { type: 'offset', page_size: 2 } },
    ],
    [
      'a name with a point, which no path can say',
      { data: rows, '@odata.nextLink': 'http://127.0.0.1/x' },
      {},
      { records: 'data' },
    ],
  ])('%s', async (_, body, headers, settings) => {
    const [found, ...more] = await discovered(body, headers);
    expect(more).toEqual([]);
    expect(found).toMatchObject({ name: 'orders', settings: { ...at, ...settings } });
    expect(Object.keys(found?.settings ?? {})).toHaveLength(1 + Object.keys(settings).length);
    expect(found?.text).toContain('2 records');
    expect(found?.text).toContain('id, name, paid_at');
  });

  it('several lists, each by its place, without a guess about pages', async () => {
    const found = await discovered({ users: rows, groups: rows, next_cursor: 'x' });
    expect(found.map(({ name, settings }) => [name, settings])).toEqual([
      ['users', { ...at, records: 'users' }],
      ['groups', { ...at, records: 'groups' }],
    ]);
  });

  it('addresses of the same host, of an answer that names them', async () => {
    const found = await discovered(
      {
        users: `${server.url}/v1/users`,
        _links: { orders: { href: '/v1/orders' } },
        docs: 'https://elsewhere.example/docs',
        version: '1',
      },
      {},
      '',
    );
    expect(found.map(({ name, settings }) => [name, settings])).toEqual([
      ['users', { path: `${server.url}/v1/users` }],
      ['orders', { path: `${server.url}/v1/orders` }],
    ]);
  });

  it('documents on lines, files, and nothing', async () => {
    const lines = { 'content-type': 'application/x-ndjson' };
    expect(await discovered('{"id":1}\n{"id":2}\n', lines)).toMatchObject([{ settings: at, text: '2 records: id' }]);
    expect(await discovered('id,name\n1,a\n', { 'content-type': 'text/csv' }, 'exports/2026.csv')).toMatchObject([
      { name: 'exports', settings: { path: 'exports/2026.csv', format: 'csv' } },
    ]);
    expect(await discovered('<html></html>', { 'content-type': 'text/html' })).toEqual([]);
    expect(await discovered([1, 2])).toEqual([]);
  });
});
