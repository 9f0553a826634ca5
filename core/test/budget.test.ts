import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openEngine } from '../src/engine/duckdb.ts';
import { type EngineProject, engineProject } from './engine.ts';

/** Slow: steps that need all rows at once, over an input larger than the memory that they get. */
const ROWS = 2_000_000;
const KEYS = 1_400_000;
const MEMORY = 256_000_000;

let project: EngineProject;

beforeAll(async () => {
  project = await engineProject();
  await project.file('big/.keep', '');
  const engine = await openEngine({ spool: project.dir, threads: 2, memory: 1_000_000_000 });
  for (let part = 0; part < 4; part++) {
    await engine.run(
      `COPY (SELECT (i * 7919) % ${KEYS} AS id, i AS n, md5(i::VARCHAR) || md5((i + 1)::VARCHAR) AS a, md5((i * 3)::VARCHAR) AS b
       FROM range(${part}, ${ROWS}, 4) AS r(i)) TO '${join(project.dir, `big/${part}.csv`)}' (HEADER)`,
    );
  }
  engine.close();
});
afterAll(() => project.close());

const job = (name: string, step: string, disposition: string, workers: number) => `name: ${name}
source:
  type: local
  path: big/*.csv
columns:
  - name: id
    type: bigint
  - name: n
    type: bigint
${step}destination:
  type: duckdb
  path: ${name}.duckdb
  table: result
${disposition}limits:
  max_rejected:
    ratio: 1
compute:
  memory: 256MB
  workers:
    min: ${workers}
    max: ${workers}
`;

describe('memory is bounded by the budget', () => {
  const dropped = ROWS - KEYS;
  it.each([
    [
      'dedupe',
      4,
      'transform:\n  - dedupe:\n      key: [id]\n      order_by: n desc\n',
      '',
      { rows_filtered: dropped },
      KEYS,
    ],
    [
      'unique',
      1,
      'checks:\n  - unique:\n      columns: [id]\n      on_failure: discard\n',
      '',
      { rows_rejected: dropped },
      KEYS,
    ],
    ['merge', 4, '', '  write_disposition: merge\n  primary_key: [id]\n', { rows_filtered: dropped }, KEYS],
    ['sorted', 1, 'transform:\n  - sql: select * from input order by a\n', '', { rows_filtered: 0 }, ROWS],
  ])('%s, %d tasks', async (name, workers, step, disposition, counts, written) => {
    const yaml = job(name, step, disposition, workers);
    const result = await project.ok(yaml, { memory: MEMORY });
    expect(result.counts).toMatchObject({ rows_read: ROWS, rows_written: written, ...counts });
    const [row] = await project.rows(yaml, `SELECT count(*), count(DISTINCT id) FROM result`);
    expect(row).toEqual([String(written), String(KEYS)]);
    await rm(join(project.dir, `${name}.duckdb`));
  });
});
