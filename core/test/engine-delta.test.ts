import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatType } from '../src/model/type.ts';
import { ALL_ROWS, ALL_TYPES } from './all-types.ts';
import { type EngineProject, engineProject } from './engine.ts';

let project: EngineProject;
beforeAll(async () => {
  project = await engineProject();
});
afterAll(() => project.close());

const into = (name: string, more = '') =>
  `name: ${name}\nsource:\n  type: local\n  path: ${name}/*\ndestination:\n  type: delta\n  path: lake/${name}\n${more}`;
const outOf = (name: string, more = '', source = '') =>
  `name: back_${name}\nsource:\n  type: local\n  path: lake/${name}\n  format: delta\n${source}destination:\n  type: duckdb\n  path: back.duckdb\n${more}`;

describe('tables that were written here', () => {
  it('appended tables are followed by their logs', async () => {
    await project.file('events/1.csv', 'id,at\n1,2026-01-01 10:00:00\n2,2026-01-01 11:00:00\n');
    await project.ok(into('events'));
    const back = outOf('events');
    expect((await project.ok(back)).counts).toMatchObject({ rows_read: 2, rows_written: 2 });
    expect((await project.ok(back)).outcome).toMatchObject({ empty: true });
    await project.file('events/2.csv', 'id,at\n3,2026-01-02 10:00:00\n');
    await project.ok(into('events'));
    expect((await project.ok(back)).counts).toMatchObject({ rows_read: 1, rows_written: 1 });
    expect(await project.rows(back, 'SELECT id, "at"::VARCHAR FROM back_events ORDER BY id')).toEqual([
      ['1', '2026-01-01 10:00:00'],
      ['2', '2026-01-01 11:00:00'],
      ['3', '2026-01-02 10:00:00'],
    ]);
  });
});
