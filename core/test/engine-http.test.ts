import { brotliCompressSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type EngineProject, engineProject } from './engine.ts';
import { HttpServer, json } from './http-server.ts';

const XML = 'format: {type: xml, record_path: r/a}\n';

describe('http against a server', () => {
  let server: HttpServer;
  let other: HttpServer;
  let project: EngineProject;
  let jobs = 0;
  let name = '';

  beforeAll(async () => {
    [server, other] = await Promise.all([HttpServer.start(), HttpServer.start()]);
    project = await engineProject({ SECRET: 'S3cr-Kk1' });
  });
  beforeEach(() => {
    process.env.SLUICE_RETRY_MS = '20';
    server.seen.length = 0;
    other.seen.length = 0;
    name = `job_${++jobs}`;
  });
  afterAll(async () => {
    await Promise.all([server.stop(), other.stop()]);
    await project.close();
  });

  const job = (source: string, more = '') =>
    `name: ${name}\nsource:\n  type: http\n  base_url: ${server.url}\n${source.trimEnd().replace(/^/gm, '  ')}\n${more}`;
  const ids = async (yaml: string) =>
    (await project.rows(yaml, `SELECT id FROM ${name} ORDER BY id::bigint`)).map(([id]) => Number(id));
  const rows = (...list: number[]) => list.map((id) => ({ id, text: `row ${id}` }));

  describe('pages', () => {
    it('a cursor that comes a second time ends the run by its name', async () => {
      const next: Record<string, string> = { '': 'A', A: 'B', B: 'A' };
      server.handler = ({ query }, response) => json(response, { data: rows(1, 2), next: next[query.c ?? ''] });
      const yaml = job('path: r\nrecords: data\npagination: {type: cursor, next: next, param: c}');
      const { error } = await project.run(yaml);
      expect(error).toMatchObject({ code: 'source/pagination', kind: 'terminal' });
      expect(error?.message).toContain('cursor A');
      expect(server.seen.length).toBe(3);
    });

    it('numbers of pages go on until one is empty', async () => {
      server.handler = ({ query }, response) =>
        json(response, { '1': rows(1, 2), '2': rows(3, 4) }[query.page ?? '1'] ?? []);
      const yaml = job('path: r\npagination: {type: page, page_size: 2, size_param: per_page}');
      await project.ok(yaml);
      expect(await ids(yaml)).toEqual([1, 2, 3, 4]);
      expect(server.seen.map(({ query }) => [query.page, query.per_page])).toEqual([
        [undefined, '2'],
        ['2', '2'],
        ['3', '2'],
      ]);
    });

    it('a server that takes no notice of the page is found out', async () => {
      server.handler = (_seen, response) => json(response, rows(1, 2));
      const { error } = await project.run(job('path: r\npagination: {type: page}'));
      expect(error?.code).toBe('source/pagination');
      expect(server.seen.length).toBe(2);
    });

    it('an offset goes on by the rows that came', async () => {
      const all = rows(1, 2, 3, 4, 5);
      server.handler = ({ query }, response) => {
        const from = Number(query.offset ?? 0);
        json(response, { items: all.slice(from, from + 2) });
      };
      // The server gives no more than two, whatever is asked for.
      const yaml = job('path: r\nrecords: items\npagination: {type: offset, page_size: 10}');
      await project.ok(yaml);
      expect(await ids(yaml)).toEqual([1, 2, 3, 4, 5]);
      expect(server.seen.map(({ query }) => query.offset ?? '-')).toEqual(['-', '2', '4', '5']);
    });

    it('addresses come from a header or from the page', async () => {
      server.handler = ({ query, path }, response) => {
        const page = Number(query.p ?? 1);
        const target = `${path}?p=${page + 1}&keep=a%2Cb`;
        const link =
          page < 3
            ? { link: `<${server.url}/first>; rel="first", <${target}>; title="a, b"; rel="last next"` }
            : undefined;
        if (path === '/h') json(response, rows(page), link);
        else json(response, { rows: rows(page), links: { next: page < 3 ? `${server.url}${target}` : null } });
      };
      const header = job('path: h\npagination: {type: link_header}');
      await project.ok(header);
      expect(await ids(header)).toEqual([1, 2, 3]);
      expect(server.seen.at(-1)?.query.keep).toBe('a,b');
      name = `job_${++jobs}`;
      const body = job('path: b\nrecords: rows\npagination: {type: next_url, next: links.next}');
      await project.ok(body);
      expect(await ids(body)).toEqual([1, 2, 3]);
    });

    it('a next address of another host gets nothing', async () => {
      server.handler = (_seen, response) => json(response, { rows: rows(1), next: `${other.url}/steal` });
      const yaml = job(
        'path: r\nrecords: rows\npagination: {type: next_url, next: next}\nauth: {type: bearer, token: "${env:SECRET}"}',
      );
      expect((await project.run(yaml)).error?.code).toBe('source/pagination');
      expect(other.seen).toEqual([]);
    });

    it('a POST carries the cursor in its body', async () => {
      server.handler = ({ body }, response) => {
        const { after, filter } = JSON.parse(body);
        json(response, { data: rows(after === undefined ? 1 : 2), next: after === undefined ? 'x y' : null, filter });
      };
      const yaml = job(
        'path: search\nmethod: POST\nbody:\n  filter:\n    state: [open, "2"]\n    deep: {n: 1}\nrecords: data\npagination: {type: cursor, next: next, param: after}',
      );
      await project.ok(yaml);
      expect(await ids(yaml)).toEqual([1, 2]);
      expect(JSON.parse(server.seen[1]?.body ?? '')).toEqual({
        filter: { state: ['open', '2'], deep: { n: 1 } },
        after: 'x y',
      });
      expect(server.seen[1]?.headers['content-type']).toBe('application/json');
    });

    it('rows keep every digit, and pages of one record a line come in order', async () => {
      server.handler = ({ query }, response) =>
        json(
          response,
          query.page === undefined
            ? '{"d": [\n {"id": 9007199254740993,\r\n "n": 0.10, "t": "a\\nb"},\n {"id":2,"n":99999999999999.99,"t":null} ]}'
            : '{"d":[]}',
        );
      const yaml = job('path: r\nrecords: d\npagination: {type: page}');
      await project.ok(yaml);
      expect(await project.rows(yaml, `SELECT id, n, t FROM ${name} ORDER BY t`)).toEqual([
        ['9007199254740993', '0.10', 'a\nb'],
        ['2', '99999999999999.99', null],
      ]);
    });

    it('pages of lines are told by the server or by the format', async () => {
      server.handler = ({ query, path }, response) => {
        const page = Number(query.page ?? 1);
        const type = path === '/said' ? 'application/x-ndjson; charset=utf-8' : 'text/plain';
        const link = page < 3 ? { link: `<${server.url}${path}?page=${page + 1}>; rel="next"` } : {};
        const lines = [`{"id":${page * 2},"n":9007199254740993}`, '', `{"id":${page * 2 + 1},"n":{"a":"x"}}`];
        response
          .writeHead(200, { 'content-type': type, ...link })
          .end(`${page === 2 ? '\ufeff' : ''}${lines.join('\r\n')}`);
      };
      for (const rest of ['path: said', 'path: plain\nformat: {type: json, layout: ndjson}']) {
        name = `job_${++jobs}`;
        const yaml = job(`${rest}\npagination: {type: link_header}`);
        await project.ok(yaml);
        expect(await ids(yaml)).toEqual([2, 3, 4, 5, 6, 7]);
      }
      name = `job_${++jobs}`;
      const { error } = await project.run(job('path: said\npagination: {type: cursor, next: next, param: after}'));
      expect(error).toMatchObject({ code: 'source/pagination' });
    });

    it('an empty document between pages is a broken answer, not the end', async () => {
      let asked = 0;
      server.handler = ({ query }, response) => {
        const page = Number(query.page ?? 1);
        if (page === 2 && asked++ === 0) response.writeHead(200, { 'content-type': 'application/json' }).end();
        else json(response, { data: page < 4 ? [{ id: page }] : [] });
      };
      const yaml = job('path: r\nrecords: data\npagination: {type: page, param: page}');
      expect((await project.ok(yaml)).counts.rows_written).toBe(3);
      expect(asked).toBe(2);
    });

    it('nothing new is no failure', async () => {
      server.handler = (_seen, response) => json(response, { data: [] });
      expect((await project.ok(job('path: r\nrecords: data\npagination: {type: page}'))).outcome?.empty).toBe(true);
      expect((await project.ok(job('path: r\nrecords: data'))).outcome?.empty).toBe(true);
      server.handler = (_seen, response) => json(response, { data: null });
      expect((await project.ok(job('path: r\nrecords: data\npagination: {type: page}'))).outcome?.empty).toBe(true);
      expect((await project.ok(job('path: r\nrecords: data'))).outcome?.empty).toBe(true);
      const { error } = await project.run(job('path: r\nrecords: items'));
      expect(error?.code).toBe('source/records');
      expect(error?.hint).toContain('data');
    });
  });

  describe('faults', () => {
    it('waits as Retry-After says, and takes nonsense for nothing', async () => {
      delete process.env.SLUICE_RETRY_MS;
      for (const [status, header, least] of [
        [429, '1', 1000],
        [503, new Date(Date.now() - 3_600_000).toUTCString(), 0],
        [429, 'soon', 1000],
      ] as const) {
        server.seen.length = 0;
        name = `job_${++jobs}`;
        server.handler = (_seen, response, count) => {
          if (count > 1) json(response, rows(1, 2));
          else response.writeHead(status, { 'retry-after': header }).end('later');
        };
        const yaml = job('path: r');
        await project.ok(yaml);
        expect(await ids(yaml)).toEqual([1, 2]);
        expect(server.seen.length).toBe(2);
        expect((server.seen[1]?.at ?? 0) - (server.seen[0]?.at ?? 0)).toBeGreaterThanOrEqual(least - 20);
      }
    });

    it('a page that breaks off is asked for again, and fails by its number', async () => {
      let heal = false;
      let tries = 0;
      server.handler = ({ query }, response) => {
        const page = Number(query.page ?? 1);
        const body = JSON.stringify(page > 4 ? [] : rows(page * 2, page * 2 + 1));
        if (page !== 3 || heal) return json(response, body);
        tries++;
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
        response.write(body.slice(0, 20), () => response.destroy());
      };
      const yaml = job('path: r\npagination: {type: page}');
      const { error, counts } = await project.run(yaml);
      expect(error).toMatchObject({ code: 'source/broken', kind: 'transient' });
      expect(error?.message).toContain('page 3');
      expect([counts.rows_written, tries]).toEqual([0, 5]);
      heal = true;
      await project.ok(yaml);
      expect(await ids(yaml)).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
    });

    it('encodings are taken off, and one that breaks off is no answer', async () => {
      const body = JSON.stringify(rows(...Array.from({ length: 200 }, (_, i) => i)));
      let cut = 1;
      server.handler = ({ path }, response) => {
        const [bytes, encoding] = path === '/br' ? [brotliCompressSync(body), 'br'] : [gzipSync(body), 'gzip'];
        const part = cut-- > 0 ? bytes.subarray(0, bytes.length - 30) : bytes;
        response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': encoding }).end(part);
      };
      for (const path of ['gz', 'br']) {
        name = `job_${++jobs}`;
        const yaml = job(`path: ${path}`);
        await project.ok(yaml);
        expect((await ids(yaml)).length).toBe(200);
      }
      expect(server.seen.length).toBe(3);
    });

    it('of a large file the rest alone comes again', async () => {
      const lines = Array.from({ length: 50_000 }, (_, i) => `${i},${'x'.repeat(20)}`);
      const body = Buffer.from(`id,text\n${lines.join('\n')}\n`);
      server.handler = ({ headers }, response, count) => {
        const from = Number(/bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0);
        const common = {
          etag: '"v1"',
          'accept-ranges': 'bytes',
          'content-type': 'text/csv',
          'content-length': body.length - from,
        };
        response.writeHead(from > 0 ? 206 : 200, common);
        if (count === 1) response.write(body.subarray(0, 600_000), () => response.destroy());
        else response.end(body.subarray(from));
      };
      const yaml = job('path: big.csv');
      await project.ok(yaml);
      expect(await project.rows(yaml, `SELECT count(*), count(DISTINCT id) FROM ${name}`)).toEqual([
        ['50000', '50000'],
      ]);
      expect(server.seen.length).toBe(2);
      expect(server.seen[1]?.headers).toMatchObject({
        'if-range': '"v1"',
        range: expect.stringMatching(/^bytes=\d{2,}-$/),
      });
    });

    it.each([
      [401, 'source/auth'],
      [403, 'source/permission'],
      [404, 'source/missing'],
      [400, 'source/failed'],
    ])('%i is told as it is, without the secret', async (status, code) => {
      server.handler = ({ query }, response) => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(`{"error":"bad key ${query.api_key}"}`);
      };
      const { error, logs } = await project.run(job('path: r\nauth: {type: api_key, in: query, key: "${env:SECRET}"}'));
      expect(error?.code).toBe(code);
      expect(server.seen[0]?.query.api_key).toBe('S3cr-Kk1');
      expect(JSON.stringify([error, error?.message, logs])).not.toContain('S3cr');
    });

    it('a key among the parameters is in no message either', async () => {
      server.handler = ({ query }, response) => {
        response.writeHead(500, { 'content-type': 'text/plain' }).end(`no such key: ${query.api_key}`);
      };
      const { error, logs } = await project.run(job('path: r\nparams: {api_key: "${env:SECRET}"}'));
      expect(error).toMatchObject({ code: 'source/unavailable', kind: 'transient' });
      expect(error?.message).toContain('500');
      expect(JSON.stringify([error, error?.message, logs])).not.toContain('S3cr');
    });

    it('says that nobody listens', async () => {
      const yaml = job('path: r').replace(server.url, 'http://127.0.0.1:1');
      expect((await project.run(yaml)).error).toMatchObject({ code: 'source/refused', kind: 'transient' });
      const tls = job('path: r').replace('http://', 'https://');
      expect((await project.run(tls)).error?.code).toBe('source/tls');
    });
  });

  describe('who asks', () => {
    it('the query of base_url goes with every path', async () => {
      server.handler = (_seen, response) => json(response, rows(1));
      await project.ok(job('path: r?a=2\nparams: {c: 4}').replace(server.url, `${server.url}/v1?a=1&b=3`));
      expect(server.seen[0]).toMatchObject({ path: '/v1/r', query: { a: '2', b: '3', c: '4' } });
    });

    it('a redirect to another host carries no credentials', async () => {
      server.handler = ({ path }, response) => {
        response.writeHead(302, { location: path === '/a' ? '/b' : `${other.url}/c` }).end();
      };
      other.handler = (_seen, response) => json(response, rows(1));
      await project.ok(
        job('path: a\nheaders: {X-Tenant: "${env:SECRET}"}\nauth: {type: basic, user: me, password: "${env:SECRET}"}'),
      );
      expect(server.seen.map(({ headers }) => headers.authorization)).toEqual(
        Array(2).fill(`Basic ${btoa('me:S3cr-Kk1')}`),
      );
      expect(server.seen[0]?.headers['x-tenant']).toBe('S3cr-Kk1');
      expect(JSON.stringify(other.seen[0])).not.toMatch(/S3cr|authorization|tenant/i);
    });

    it('the host that gave no answer is named: of a redirect, of a token', async () => {
      server.handler = (_seen, response) => void response.writeHead(302, { location: 'http://127.0.0.1:1/c' }).end();
      const token =
        'auth: {type: oauth2_client_credentials, token_url: "http://127.0.0.1:2/t", client_id: a, client_secret: "${env:SECRET}"}';
      for (const [source, host] of [
        ['path: a', '127.0.0.1:1'],
        [`path: a\n${token}`, '127.0.0.1:2'],
      ] as const) {
        const { error } = await project.run(job(source));
        expect(error).toMatchObject({ code: 'source/refused', message: `${host} refuses connections` });
      }
    });

    it('tokens are fetched, kept, and replaced where they are refused', async () => {
      let made = 0;
      server.handler = ({ path, headers, query }, response) => {
        if (path === '/token') return json(response, { access_token: `t${++made}`, expires_in: 3600 });
        const valid = query.page === undefined ? 't1' : 't2';
        if (headers.authorization !== `Bearer ${valid}`) return void response.writeHead(401).end();
        json(response, { '': rows(1), '2': rows(2) }[query.page ?? ''] ?? []);
      };
      const yaml = job(
        'path: r\npagination: {type: page}\nauth: {type: oauth2_client_credentials, token_url: /token, client_id: "a b", client_secret: "${env:SECRET}", scope: read}',
      );
      await project.ok(yaml);
      expect(await ids(yaml)).toEqual([1, 2]);
      const tokens = server.seen.filter(({ path }) => path === '/token');
      expect(tokens.map(({ body, headers }) => [body, headers.authorization])).toEqual(
        Array(2).fill(['grant_type=client_credentials&scope=read', `Basic ${btoa('a%20b:S3cr-Kk1')}`]),
      );
    });

    it('no more requests than the limit', async () => {
      server.handler = ({ query }, response) =>
        json(response, Number(query.page ?? 1) < 4 ? rows(Number(query.page ?? 1)) : []);
      const begun = Date.now();
      await project.ok(job('path: r\npagination: {type: page}\nrate_limit: {requests: 2}'));
      // Three waits of half a second, counted from the run's begin: on a busy machine the first request is seen late.
      expect((server.seen[3]?.at ?? 0) - begun).toBeGreaterThanOrEqual(1480);
    });
  });

  describe('what is new', () => {
    it('the cursor asks for it, and what comes a second time is left out', async () => {
      const all = [
        { id: 1, at: '2026-05-01T10:00:00.000100Z' },
        { id: 2, at: '2026-05-01T10:00:00.000900Z' },
      ];
      server.handler = ({ query }, response) =>
        json(
          response,
          all.filter(({ at }) => Date.parse(at) >= Date.parse(query.since ?? '1970-01-01')),
        );
      const yaml = job('path: r\ncursor_param: since', 'incremental:\n  type: cursor\n  column: at\n');
      await project.ok(yaml);
      await project.ok(yaml);
      all.push({ id: 3, at: '2026-05-01T10:00:00.000950Z' });
      await project.ok(yaml);
      expect(await ids(yaml)).toEqual([1, 2, 3]);
      expect(server.seen.map(({ query }) => query.since)).toEqual([
        undefined,
        '2026-05-01T10:00:00Z',
        '2026-05-01T10:00:00Z',
      ]);
    });

    it('a file that did not change is not loaded again', async () => {
      let version = 1;
      server.handler = ({ path, headers }, response) => {
        const etag = path === '/tagged' ? { etag: `"v${version}"` } : {};
        if (etag.etag !== undefined && headers['if-none-match'] === etag.etag)
          return void response.writeHead(304).end();
        response.writeHead(200, { 'content-type': 'text/csv', ...etag }).end(`id,v\n1,${version}\n`);
      };
      for (const path of ['tagged', 'plain']) {
        version = 1;
        name = `job_${++jobs}`;
        const yaml = job(
          `path: ${path}`,
          'incremental:\n  type: files\ncolumns:\n  - name: id\n    primary_key: true\ndestination:\n  type: duckdb\n  write_disposition: merge\n',
        );
        expect((await project.ok(yaml)).counts.rows_written).toBe(1);
        expect((await project.ok(yaml)).outcome?.empty).toBe(true);
        version = 2;
        await project.ok(yaml);
        expect(await project.rows(yaml, `SELECT id, v FROM ${name}`)).toEqual([['1', '2']]);
      }
    });

    it.each([
      ['JSON', 'text/html', '<html>back soon</html>', 'application/json', '[{"id":1}]', ''],
      ['JSON without a type', '', 'back soon', '', '[{"id":1}]', ''],
      ['lines of JSON', 'text/html', '<html>back soon</html>', 'application/x-ndjson', '{"id":1}\n', ''],
      ['CSV', 'text/html', 'back soon', 'text/csv', 'id\n1\n', ''],
      ['CSV of one type', 'text/plain', 'back soon', 'text/plain', 'id\n1\n', 'format: {type: csv, header: true}\n'],
      ['XML', 'text/html', '<html>back soon</html>', 'text/xml', '<r><a><id>1</id></a></r>', XML],
    ])(
      'a notice in the place of a page of %s is a broken answer, not the end',
      async (_k, type, notice, own, page, more) => {
        server.handler = ({ query }, response) => {
          const behind = Number(query.page ?? 1) > 1;
          response.setHeader('content-type', behind ? type : own);
          response.end(behind ? notice : page);
        };
        const { error } = await project.run(job(`path: r\n${more}pagination: {type: page}`));
        expect(error).toMatchObject({ code: 'source/broken', message: expect.stringContaining('(page 2)') });
      },
    );

    it.each([
      ['a file by its ending', 'path: r.csv'],
      ['a file of a format', 'path: r\nformat: csv'],
      ['the first page', 'path: r.csv\npagination: {type: page}'],
    ])('a web page in the place of %s is no rows', async (_k, source) => {
      server.handler = (_seen, response) => {
        response.setHeader('content-type', 'text/html');
        response.end('\n<!-- we -->\n<!DOCTYPE html>\n<html><body>Log in,please</body></html>\n');
      };
      const { error } = await project.run(job(source));
      expect(error).toMatchObject({ code: 'source/failed', kind: 'config' });
      expect(server.seen.length).toBe(1);
    });

    it('null is a list without elements, as a page and alone', async () => {
      server.handler = ({ query }, response) => json(response, query.page === undefined ? rows(1) : null);
      const yaml = job('path: r\npagination: {type: page}');
      await project.ok(yaml);
      expect(await ids(yaml)).toEqual([1]);
      server.handler = (_seen, response) => json(response, null);
      expect((await project.ok(job('path: alone'))).outcome?.empty).toBe(true);
    });

    it('rows of pages are counted as their format has them', async () => {
      const csv = ['1,"a\nb"\n\n2,c\n', '3,d\n', ''];
      server.handler = ({ query }, response) => {
        response.setHeader('content-type', 'text/csv');
        response.end(csv[[0, 2, 3].indexOf(Number(query.offset ?? 0))]);
      };
      const yaml = job('path: r\nformat: {type: csv, header: false}\npagination: {type: offset}');
      await project.ok(yaml);
      expect(await project.rows(yaml, `SELECT column_1 FROM ${name} ORDER BY ALL`)).toEqual([['1'], ['2'], ['3']]);
      name = `job_${++jobs}`;
      server.handler = ({ query }, response) => {
        const id = Number(query.page ?? 1);
        response.setHeader('content-type', 'text/xml');
        response.end(id < 3 ? `<r><a><id>${id}</id></a></r>` : '<r></r>');
      };
      const xml = job(`path: r\n${XML}pagination: {type: page}`);
      await project.ok(xml);
      expect(await ids(xml)).toEqual([1, 2]);
    });

    it('pages of CSV are put together', async () => {
      server.handler = ({ query }, response) => {
        const page = Number(query.page ?? 1);
        response.writeHead(200, { 'content-type': 'text/csv' }).end(page < 3 ? `id,v\n${page},"a,b"\n` : 'id,v\n');
      };
      const yaml = job('path: r\nformat: csv\npagination: {type: page}');
      await project.ok(yaml);
      expect(await ids(yaml)).toEqual([1, 2]);
    });
  });
});
