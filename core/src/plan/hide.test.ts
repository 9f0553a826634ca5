import { expect, it } from 'vitest';
import type { Job } from '../model/job.ts';
import type { JsonObject } from '../model/json.ts';
import { withoutSecrets } from './hide.ts';

function shown(type: string, settings: JsonObject): JsonObject {
  const use = { type, connection: null, settings };
  const stream = { name: 'a', source: use, destination: { ...use, table: 't' } };
  return withoutSecrets({ name: 'a', streams: [stream] } as unknown as Job).streams[0]?.source.settings ?? {};
}

it.each([
  ['postgres', { url: 'postgresql://app:S3cr%40t@h/db' }, { url: 'postgresql://app:***@h/db' }],
  ['postgres', { url: 'postgresql://app:S3@S3cr@h/db' }, { url: 'postgresql://app:***@h/db' }],
  [
    'postgres',
    { url: 'postgresql://${env:U:-me}:${env:P:-S3cr}@h/db' },
    { url: 'postgresql://${env:U:-me}:${env:P:-***}@h/db' },
  ],
  [
    'postgres',
    { url: 'postgresql://h/db?user=u&password=S3cr&x=1' },
    { url: 'postgresql://h/db?user=u&password=***&x=1' },
  ],
  ['postgres', { password: 'S3${env:P}cr' }, { password: '***${env:P}***' }],
  ['http', { path: '/v1?api_key=S3cr&page=2' }, { path: '/v1?api_key=***&page=2' }],
  [
    'http',
    { headers: { Authorization: 'Bearer S3cr', Accept: 'a/b' } },
    { headers: { Authorization: '***', Accept: 'a/b' } },
  ],
  ['http', { params: { 'X-Api-Key': 'S3cr', page: 1 } }, { params: { 'X-Api-Key': '***', page: 1 } }],
])('hides a secret of %s wherever it stands, and nothing else: %j', (type, settings, expected) => {
  expect(shown(type, settings)).toEqual(expected);
});

it('takes no longer for text that is made to be slow', () => {
  const url = `x://${'${a}'.repeat(20_000)}${'$'.repeat(20_000)}`;
  expect(shown('postgres', { url })).toEqual({ url });
}, 5000);
