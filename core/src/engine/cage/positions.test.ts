import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SqlForm } from '../../model/component.ts';
import type { JsonObject } from '../../model/json.ts';
import * as registry from '../../registry.ts';
import { type OwnedEngine, openEngine } from '../duckdb.ts';
import { inspectUserSql } from './inspect.ts';

/** Every place of a job where user SQL can stand, with a text that reaches out of the relation. */
let spool: string;
let engine: OwnedEngine;

beforeAll(async () => {
  spool = mkdtempSync(join(tmpdir(), 'sluice-positions-'));
  engine = await openEngine({ spool, threads: 1, memory: 100_000_000 });
});

afterAll(() => {
  engine.close();
  rmSync(spool, { recursive: true, force: true });
});

type Texts = { sql: string; form: SqlForm }[];

async function ofTransform(type: string, settings: JsonObject): Promise<Texts> {
  return (await registry.transforms[type]!.load()).userSql(settings);
}

const positions: Record<string, { form: SqlForm; texts: (sql: string) => Promise<Texts> }> = {
  filter: { form: 'expression', texts: (sql) => ofTransform('filter', { expression: sql }) },
  'the second column of derive': {
    form: 'expression',
    texts: (sql) =>
      ofTransform('derive', {
        columns: [
          { name: 'a', expression: '1' },
          { name: 'b', expression: sql },
        ],
      }),
  },
  'dedupe.order_by': { form: 'order', texts: (sql) => ofTransform('dedupe', { key: ['id'], order_by: sql }) },
  sql: { form: 'query', texts: (sql) => ofTransform('sql', { query: sql }) },
  'checks.expression': {
    form: 'expression',
    texts: async (sql) =>
      (await registry.checks.expression!.load()).userSql({
        type: 'expression',
        settings: { sql },
        column: null,
        on_failure: 'fail',
      }),
  },
  'deletes.when of a merge': { form: 'expression', texts: async (sql) => [{ sql, form: 'expression' }] },
};

const anywhere = [
  "COPY input TO '/tmp/x'",
  "ATTACH '/tmp/x.db' AS x",
  "(select content from read_text('/etc/passwd'))",
  "getenv('HOME')",
  "current_setting('temp_directory')",
  "(from '../../outside.csv')",
  '1; select 2',
  '1) union select (2',
  '$1',
  '',
  '--',
  "'",
];

const asQuery = (text: string) => (/^(COPY|ATTACH)/.test(text) ? text : `select ${text} from input`);

describe.each(Object.entries(positions))('%s', (_, { form, texts }) => {
  it.each(form === 'query' ? anywhere.map(asQuery) : anywhere)('%s', async (text) => {
    const told = await texts(text);
    const inspect = async () => {
      for (const { sql, form: told_form } of told) await inspectUserSql(engine, sql, told_form);
    };
    expect(told.at(-1)?.form).toBe(form);
    await expect(inspect()).rejects.toMatchObject({ kind: 'config', code: expect.stringMatching(/^sql\//) });
  });
});
