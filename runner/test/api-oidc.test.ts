import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiLab, apiLab, job } from './api-lab.ts';

let lab: ApiLab;
let server: Server;
let issuer: string;
let key: CryptoKey;

beforeAll(async () => {
  const pair = await generateKeyPair('RS256');
  key = pair.privateKey;
  const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'one', alg: 'RS256' };
  server = createServer((request, response) => {
    const found: Record<string, object> = {
      '/.well-known/openid-configuration': { issuer, jwks_uri: `${issuer}/keys` },
      '/keys': { keys: [jwk] },
    };
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(found[request.url ?? ''] ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  lab = await apiLab({
    'sluice.yaml': `version: 1
name: shop
access:
  oidc:
    issuer: ${issuer}
    audience: sluice
    groups_claim: realm.groups
    roles: {crm-team: operator, platform: admin}
  rules:
    - match: {tags: crm}
      view: [group:crm-team]
    - match: {tags: hr}
      view: [user:boss@acme.example]
`,
    'jobs/leads.yaml': job('leads', 'tags: [crm]\n'),
    'jobs/people.yaml': job('people', 'tags: [hr]\n'),
  });
  await lab.door.reconcile('test');
});

afterAll(async () => {
  await lab.close();
  server.close();
});

const CLAIMS = { email: 'ann@acme.example', realm: { groups: ['crm-team', 'other'] } };

function sign(
  claims: JWTPayload = CLAIMS,
  change: { aud?: string; iss?: string; exp?: string; key?: CryptoKey } = {},
): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'RS256', kid: 'one' })
    .setIssuer(change.iss ?? issuer)
    .setAudience(change.aud ?? 'sluice')
    .setSubject('ann')
    .setExpirationTime(change.exp ?? '5m')
    .sign(change.key ?? key);
}

describe('tokens of an issuer', () => {
  it('give the role of the group, and what rules leave of it', async () => {
    const as = await sign();
    const { body } = await lab.call('GET', '/me', { as });
    expect(body).toMatchObject({
      kind: 'user',
      name: 'ann@acme.example',
      role: 'operator',
      groups: ['crm-team', 'other'],
    });
    expect((await lab.call('GET', '/jobs/leads', { as })).status).toBe(200);
    expect((await lab.call('GET', '/jobs/people', { as })).status).toBe(404);
    expect((await lab.call('POST', '/jobs/leads/start', { as })).status).toBe(202);
    expect((await lab.call('GET', '/jobs/leads', { as: 'viewer' })).status).toBe(404);
    const boss = await sign({ ...CLAIMS, email: 'boss@acme.example' });
    expect((await lab.call('GET', '/jobs/people', { as: boss })).status).toBe(200);
    const admin = await sign({ ...CLAIMS, realm: { groups: ['crm-team', 'platform'] } });
    expect((await lab.call('GET', '/tokens', { as: admin })).status).toBe(200);
    const { body: trail } = await lab.call('GET', '/audit?subject=leads&limit=1');
    expect(trail.entries[0]).toMatchObject({ actor: 'ann@acme.example', action: 'job.start', status: 202 });
  });

  it('that do not hold let nobody in', async () => {
    const other = (await generateKeyPair('RS256')).privateKey;
    const cases: Record<string, string> = {
      audience: await sign(CLAIMS, { aud: 'other' }),
      issuer: await sign(CLAIMS, { iss: 'http://evil.example' }),
      expired: await sign(CLAIMS, { exp: '-10m' }),
      signature: await sign(CLAIMS, { key: other }),
      groups: await sign({ email: 'a@b', realm: { groups: ['nobody'] } }),
      none: `${(await sign()).split('.').slice(0, 2).join('.')}.`,
    };
    for (const [name, as] of Object.entries(cases))
      expect([name, (await lab.call('GET', '/me', { as })).status]).toEqual([name, 401]);
    const shared = await new SignJWT(CLAIMS)
      .setProtectedHeader({ alg: 'HS256', kid: 'one' })
      .setIssuer(issuer)
      .setAudience('sluice')
      .setExpirationTime('5m')
      .sign(new TextEncoder().encode('x'.repeat(32)));
    expect((await lab.call('GET', '/me', { as: shared })).status).toBe(401);
  });

  it('cannot be checked while the issuer is away, and tokens of sluice still work', async () => {
    const away = await apiLab({
      'sluice.yaml':
        'version: 1\nname: away\naccess: {oidc: {issuer: "http://127.0.0.1:1", audience: a, roles: {g: viewer}}}\n',
    });
    try {
      expect(await away.call('GET', '/me', { as: await sign() })).toMatchObject({
        status: 503,
        body: { code: 'api/issuer' },
      });
      expect((await away.call('GET', '/me')).status).toBe(200);
    } finally {
      await away.close();
    }
  });
});
