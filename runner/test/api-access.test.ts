import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiLab, apiLab, job } from './api-lab.ts';

let lab: ApiLab;

beforeAll(async () => {
  lab = await apiLab({ 'sluice.yaml': 'version: 1\nname: shop\n', 'jobs/orders.yaml': job('orders') });
});

afterAll(() => lab.close());

describe('who may', () => {
  it('wants a token, and says how to get one', async () => {
    for (const as of [null, 'slc_wrong', 'a.b.c']) {
      const { status, body, headers } = await lab.call('GET', '/me', { as });
      expect({ status, code: body.code, type: headers['content-type'] }).toEqual({
        status: 401,
        code: 'api/unauthenticated',
        type: 'application/problem+json',
      });
      expect(headers['www-authenticate']).toContain('Bearer');
    }
  });

  it('knows whose token it is', async () => {
    const { body } = await lab.call('GET', '/me', { as: 'operator' });
    expect(body).toMatchObject({
      kind: 'token',
      name: 'operator',
      role: 'operator',
      project: 'shop',
      target: 'default',
    });
  });

  it('refuses a role that is too small, and records the attempt', async () => {
    expect(await lab.call('GET', '/tokens', { as: 'editor' })).toMatchObject({
      status: 403,
      body: { code: 'api/forbidden' },
    });
    const refused = await lab.call('POST', '/tokens', { as: 'viewer', body: { name: 'x' } });
    expect(refused.status).toBe(403);
    const { body } = await lab.call('GET', '/audit?limit=1');
    expect(body.entries[0]).toMatchObject({ actor: 'viewer', action: 'token.create', status: 403 });
  });

  it('makes a token, shows it once, and revokes it', async () => {
    const made = await lab.call('POST', '/tokens', { body: { name: 'ci', role: 'viewer', expires_in: '30d' } });
    expect(made.status).toBe(201);
    expect((await lab.call('GET', '/me', { as: made.body.token })).body.name).toBe('ci');
    const listed = await lab.call('GET', '/tokens');
    expect(listed.text).not.toContain(made.body.token);
    const found = listed.body.tokens.find((one: { name: string }) => one.name === 'ci');
    expect(Date.parse(found.expires_at) - Date.now()).toBeGreaterThan(29 * 86_400_000);
    const [row] = await lab.db.query(`SELECT encode(hash, 'hex') AS hash FROM sluice.api_tokens WHERE name = 'ci'`);
    expect(row?.hash).toMatch(/^[0-9a-f]{64}$/);
    expect((await lab.call('DELETE', `/tokens/${found.id}`)).body.revoked_at).not.toBeNull();
    expect((await lab.call('GET', '/me', { as: made.body.token })).status).toBe(401);
    expect((await lab.call('DELETE', '/tokens/00000000-0000-4000-8000-000000000000')).status).toBe(404);
    const { body } = await lab.call('GET', '/audit?limit=3');
    expect(body.entries.map(({ action }: { action: string }) => action)).toEqual([
      'token.revoke',
      'token.revoke',
      'token.create',
    ]);
    expect(JSON.stringify(body)).not.toContain(made.body.token);
  });

  it('refuses an expired token', async () => {
    const made = await lab.store.tokens.create({
      project: 'shop',
      name: 'old',
      role: 'admin',
      createdBy: 'test',
      lifetimeMs: -1,
    });
    expect((await lab.call('GET', '/me', { as: made.token })).status).toBe(401);
    const other = await lab.store.tokens.create({
      project: 'other',
      name: 'x',
      role: 'admin',
      createdBy: 'test',
      lifetimeMs: null,
    });
    expect((await lab.call('GET', '/me', { as: other.token })).status).toBe(401);
  });

  it('signs a browser in by a link that works once', async () => {
    const path = lab.api.signInPath();
    const first = await lab.call('GET', `/${path}`, { as: null });
    expect(first.status).toBe(303);
    const cookie = String(first.headers['set-cookie']).split(';')[0] ?? '';
    expect(first.headers['set-cookie']).toMatch(/HttpOnly; SameSite=Strict/);
    expect((await lab.call('GET', `/${path}`, { as: null })).status).toBe(401);
    expect((await lab.call('GET', '/me', { as: null, headers: { cookie } })).body).toMatchObject({
      kind: 'session',
      role: 'admin',
    });
    const write = (headers: Record<string, string>) =>
      lab.call('POST', '/tokens', { as: null, body: { name: 'web' }, headers: { cookie, ...headers } });
    expect(await write({})).toMatchObject({ status: 403, body: { code: 'api/origin' } });
    expect((await write({ origin: 'http://evil.example' })).status).toBe(403);
    expect((await write({ origin: 'http://localhost' })).status).toBe(201);
    await lab.call('DELETE', '/session', { as: null, headers: { cookie, origin: 'http://localhost' } });
    expect((await lab.call('GET', '/me', { as: null, headers: { cookie } })).status).toBe(401);
  });

  it('answers to its own names alone', async () => {
    const asked = (host: string) => lab.call('GET', '/me', { headers: { host } });
    expect((await asked('127.0.0.1:8000')).status).toBe(200);
    expect((await asked('[::1]:8000')).status).toBe(200);
    expect(await asked('evil.example')).toMatchObject({ status: 403, body: { code: 'api/host' } });
  });

  it('lets no browser run or frame an answer', async () => {
    const { headers } = await lab.call('GET', '/me');
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' });
    const docs = await lab.call('GET', '//docs', { as: null });
    expect(docs.text).not.toMatch(/https?:|<script>/);
    expect(docs.headers['content-security-policy']).toContain("script-src 'self'");
    expect((await lab.call('GET', '//docs/files/swagger.js', { as: null })).text).toContain('/openapi.json');
    expect((await lab.call('GET', '//docs/files/..%2f..%2fpackage.json', { as: null })).status).toBe(404);
  });

  it('limits requests of one address', async () => {
    const small = await apiLab({ 'sluice.yaml': 'version: 1\nname: small\n' }, { mostRequests: 2 });
    try {
      const statuses = [];
      for (let i = 0; i < 3; i++) statuses.push((await small.call('GET', '/me')).status);
      expect(statuses).toEqual([200, 200, 429]);
    } finally {
      await small.close();
    }
  });
});

describe('requests', () => {
  it('are checked against their schema', async () => {
    const cases: [string, unknown, number][] = [
      ['/tokens', { name: 5 }, 422],
      ['/tokens', { name: 'x', other: 1 }, 422],
      ['/tokens', { name: 'x\0' }, 422],
      ['/tokens', {}, 422],
    ];
    for (const [path, body, status] of cases) {
      const found = await lab.call('POST', path, { body });
      expect([found.status, found.body.code]).toEqual([status, 'api/request']);
    }
    const headers = { 'content-type': 'application/json' };
    expect((await lab.call('POST', '/tokens', { body: '{"name', headers })).status).toBe(400);
    expect((await lab.call('POST', '/tokens', { body: `{"name":"${'x'.repeat(2 << 20)}"}`, headers })).status).toBe(
      413,
    );
    expect((await lab.call('POST', '/tokens', { body: 'x', headers: { 'content-type': 'text/csv' } })).status).toBe(
      415,
    );
    expect(await lab.call('GET', '/nothing')).toMatchObject({ status: 404, body: { code: 'api/unknown' } });
    expect((await lab.call('GET', '/audit?limit=0')).status).toBe(422);
  });
});

describe('the document', () => {
  it('describes every route with its answers', async () => {
    const { body } = await lab.call('GET', '//openapi.json', { as: null });
    expect(body.openapi).toBe('3.1.0');
    expect(Object.keys(body.paths)).toContain('/api/v1/plan');
    for (const [path, methods] of Object.entries<Record<string, { operationId?: string; responses: object }>>(
      body.paths,
    )) {
      for (const [method, route] of Object.entries(methods)) {
        expect(route.operationId, `${method} ${path}`).toBeTruthy();
        expect(Object.keys(route.responses), `${method} ${path}`).toContain('4XX');
      }
    }
  });

  it('says that the server lives', async () => {
    for (const path of ['//healthz', '//readyz'])
      expect((await lab.call('GET', path, { as: null })).body).toEqual({ status: 'ok' });
  });
});

/** Every route of the document as a request that its schema takes: what is refused is refused for another reason. */
async function routes() {
  const { body } = await lab.call('GET', '//openapi.json', { as: null });
  const BODIES: Record<string, object> = {
    createJob: { job_name: 'x' },
    createToken: { name: 'x' },
    planFiles: { files: [] },
    applyPlan: { hash: 'x' },
    backfillJob: { from: '2026-01-01', to: '2026-01-02' },
    restoreCheckpoint: { to: 1 },
  };
  const UUID = '00000000-0000-4000-8000-000000000000';
  const found = [];
  for (const [path, methods] of Object.entries<Record<string, { operationId: string; description: string }>>(
    body.paths,
  )) {
    for (const [method, { operationId, description }] of Object.entries(methods)) {
      const role = /Role: (\w+)\./.exec(description)?.[1] ?? null;
      const id = operationId === 'revokeToken' ? UUID : 'nothing';
      const url = path.replace('{id}', id).replace('{execution}', UUID);
      const json = BODIES[operationId] ?? (method === 'patch' ? {} : undefined);
      found.push({
        operationId,
        path,
        role,
        url,
        method: method.toUpperCase() as 'GET',
        ...(json ? { body: json } : {}),
      });
    }
  }
  return found;
}

const BELOW: Record<string, string> = { operator: 'viewer', editor: 'operator', admin: 'editor' };

describe('every route', () => {
  it('wants a token and its role, and knows what is not there', async () => {
    const all = await routes();
    expect(all.length).toBeGreaterThan(35);
    const wrong: unknown[] = [];
    for (const { operationId, path, role, url, method, body } of all) {
      const ask = async (as: string | null) => (await lab.call(method, url, { as, ...(body ? { body } : {}) })).status;
      const expected: [string | null, number][] = [];
      if (role !== null) expected.push([null, 401]);
      if (role !== null && BELOW[role]) expected.push([BELOW[role], 403]);
      // 404 is of jobs, runs and tokens that are not there.
      if (/[{]/.test(path)) expected.push(['admin', 404]);
      for (const [as, status] of expected) {
        const found = await ask(as);
        if (found !== status) wrong.push([operationId, as, found, status]);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('refuses a body that is not the one that its schema describes', async () => {
    const wrong: unknown[] = [];
    for (const { operationId, url, method } of await routes()) {
      if (method === ('GET' as string) || ['gitHook', 'revokeToken', 'deleteJob', 'resumeJob'].includes(operationId))
        continue;
      if (['createSession', 'deleteSession'].includes(operationId)) continue;
      const { status } = await lab.call(method, url, { body: { nobody_knows_this: [1] } });
      if (status !== 422) wrong.push([operationId, status]);
    }
    expect(wrong).toEqual([]);
  });
});
