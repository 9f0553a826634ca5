import { describe, expect, it } from 'vitest';
import { jobOf } from '../../test/compiled.ts';
import type { Job, Stream } from '../model/job.ts';
import { lookRefusal } from './trust.ts';

const CONFIG = `version: 1
name: shop
connections:
  lake: {type: s3, region: eu-central-1, bucket: acme, access_key_id: "\${env:KEY}", secret_access_key: "\${env:SECRET}"}
  stolen: {type: s3, endpoint: "http://evil.example", region: eu-central-1, bucket: acme, access_key_id: "\${env:KEY}", secret_access_key: "\${env:SECRET}"}
  pg: {type: postgres, url: "\${env:PG}"}
  api: {type: http, base_url: "https://api.example"}
`;

const job = (text: string) => jobOf(CONFIG, text);

const written = (source: string, more = '') =>
  job(`name: a\nsource: ${source}\ndestination: {type: postgres, connection: pg, table: t}\n${more}`);
const lake = (path: string, connection = 'lake') =>
  `{type: s3, connection: ${connection}, path: "${path}", format: csv}`;
const query = (sql: string) => `{type: postgres, connection: pg, query: "${sql}"}`;
const applied = [
  written(lake('in/*.csv')),
  written(query('SELECT 1 AS n')),
  written('{type: http, connection: api, path: /items}'),
  written('{type: local, path: in/*.csv}'),
];
const refused = (one: Job, side: 'source' | 'destination') =>
  lookRefusal(one.streams[0] as Stream, side, applied) !== null;

describe('a look goes through what is applied alone', () => {
  it.each<[what: string, source: string, refused: boolean]>([
    ['the same files', lake('in/*.csv'), false],
    ['other files of the same bucket', lake('out/*.csv'), false],
    ['the same credentials towards another place', lake('in/*.csv', 'stolen'), true],
    ['a path that holds a value of the environment', lake('${env:HOME}/*.csv'), true],
    ['another table of the same database', '{type: postgres, connection: pg, table: public.t}', true],
    ['the same query', query('SELECT 1 AS n'), false],
    ['another query', query('SELECT pg_terminate_backend(1) AS n'), true],
    ['another path of an API', '{type: http, connection: api, path: /other}', true],
    ['the same files of this machine', '{type: local, path: in/*.csv}', false],
    ['other files of this machine', '{type: local, path: /etc/*.csv}', true],
  ])('%s', (_, source, expected) => {
    expect(refused(written(source), 'source')).toBe(expected);
  });

  it('and holds for tables once one is applied, and for destinations', () => {
    const table = '{type: postgres, connection: pg, table: public.t}';
    const other = written(table.replace('public.t', 'public.u'));
    expect(lookRefusal(other.streams[0] as Stream, 'source', [written(table)])).toBeNull();
    const place = job(
      'name: a\nsource: {type: local, path: x/*.csv}\ndestination: {type: duckdb, path: other.duckdb}\n',
    );
    expect(refused(place, 'destination')).toBe(true);
    expect(refused(written(lake('x/*.csv')), 'destination')).toBe(false);
    expect(lookRefusal(written(lake('in/*.csv')).streams[0] as Stream, 'destination', [])).not.toBeNull();
  });
});
