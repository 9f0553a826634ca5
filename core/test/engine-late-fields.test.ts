import { afterAll, beforeAll, expect, it } from 'vitest';
import { type EngineProject, engineProject } from './engine.ts';

let project: EngineProject;
beforeAll(async () => {
  project = await engineProject();
});
afterAll(() => project.close());

const filler = 'x'.repeat(1000);
/** More than is looked at in a file's head. */
const HEAD = Array.from({ length: 4600 }, (_, i) => `{"id":${i},"t":"${filler}"}`).join('\n');
const LATE = '{"id":5000,"n":7,"f":1.5,"ok":true,"s":"x","l":[1,2]}\n{"id":5001,"n":8,"f":2.5}\n';

function job(name: string, rest: string): string {
  return `name: ${name}\nsource:\n  type: local\n  path: ${name}/*.ndjson\n${rest}destination:\n  type: duckdb\n  path: ${name}.duckdb\n`;
}

it.each([1, 4])('fields behind the head of a file become columns (%d tasks)', async (workers) => {
  const name = `late_${workers}`;
  await project.file(`${name}/a.ndjson`, `${HEAD}\nnot json\n${LATE}`);
  await project.file(`${name}/b.ndjson`, '{"id":6000}\n');
  const rest = `  format:\n    type: json\n    on_bad_row: quarantine\ncompute:\n  workers: {min: ${workers}, max: ${workers}}\n`;
  const { counts } = await project.ok(job(name, rest));
  // The bad row is set aside, and no other.
  expect(counts).toMatchObject({ rows_written: 4603, rows_quarantined: 1 });
  const types = await project.rows(
    job(name, rest),
    `SELECT typeof(n), typeof(f), typeof(ok), typeof(s) FROM ${name} LIMIT 1`,
  );
  expect(types).toEqual([['BIGINT', 'DOUBLE', 'BOOLEAN', 'VARCHAR']]);
  const rows = await project.rows(
    job(name, rest),
    `SELECT COLUMNS(['id', 'n', 'f', 'ok', 's', 'l'])::VARCHAR FROM ${name} WHERE id >= 5000 ORDER BY id`,
  );
  expect(rows).toEqual([
    ['5000', '7', '1.5', 'true', 'x', '[1,2]'],
    ['5001', '8', '2.5', null, null, null],
    ['6000', null, null, null, null, null],
  ]);
});

it('what the table does with them is the contract’s to say', async () => {
  await project.file('frozen/a.ndjson', '{"id":1,"t":"a"}\n');
  const contract = (mode: string) => `${job('frozen', '')}  schema_contract:\n    columns: ${mode}\n`;
  await project.ok(contract('freeze'));
  await project.file('frozen/b.ndjson', `${HEAD}\n${LATE}`);
  expect((await project.run(contract('freeze'))).error).toMatchObject({ code: 'schema/frozen' });
  await project.ok(contract('discard_value'));
  const rows = await project.rows(
    contract('evolve'),
    'SELECT COLUMNS(*)::VARCHAR FROM frozen WHERE id >= 5000 ORDER BY id',
  );
  expect(rows).toEqual([
    ['5000', null],
    ['5001', null],
  ]);
});
