import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { formatType } from '../src/model/type.ts';
import * as specs from '../src/specs.ts';
import { EngineProject } from './engine.ts';

/**
 * Golden files of formats: `x.expected.json` says what the files whose names begin with `x.` hold. They are run through a job
 * with one task and, where they are several, with four, which must give the same rows: files as small as these are not divided among tasks.
 */
interface Golden {
  /** One line that says what the case shows. */
  about: string;
  /** Keys under `source`, such as `format`; left out: the format is known by the name. */
  source?: Record<string, unknown>;
  /** More top-level keys of the job, such as `columns`. */
  job?: Record<string, unknown>;
  /** Names and types of the columns, in order; left out with `error`. */
  columns?: Record<string, string>;
  /** The rows in any order: each value as the text that `CAST(… AS VARCHAR)` gives. */
  rows?: (string | null)[][];
  /** Rows set aside, by path and row_number: any of code, path, row_number, byte_offset, row. */
  quarantine?: Record<string, string | null>[];
  /** Warnings of the run. */
  warnings?: number;
  /** Fields of the error that the run ends with, as `SluiceError.toJSON` gives them; any of them. */
  error?: { code: string; where?: Record<string, unknown> };
}

const folder = fileURLToPath(new URL('fixtures/formats', import.meta.url));
const SUFFIX = '.expected.json';
const all = readdirSync(folder);
const cases = all.filter((name) => name.endsWith(SUFFIX)).map((name) => name.slice(0, -SUFFIX.length));
const filesOf = (name: string) => all.filter((file) => file.startsWith(`${name}.`) && !file.endsWith(SUFFIX));

const project = new EngineProject(mkdtempSync(join(tmpdir(), 'sluice-formats-')), {});
afterAll(() => rm(project.dir, { recursive: true }));

function jobOf(name: string, golden: Golden, workers: number): string {
  const quarantine = golden.quarantine ? { limits: { max_rejected: { ratio: 1 } } } : {};
  return JSON.stringify({
    name: 'golden',
    source: { type: 'local', root: `${name}-${workers}`, path: '*', ...golden.source },
    ...quarantine,
    ...golden.job,
    destination: { type: 'duckdb', path: `${name}-${workers}.duckdb` },
    compute: { workers: { min: workers, max: workers } },
  });
}

const sorted = (rows: (string | null)[][]) => rows.map((row) => JSON.stringify(row)).sort();

const tasks = (name: string) => (filesOf(name).length > 1 ? [1, 4] : [1]);

it.each(cases.flatMap((name) => tasks(name).map((workers): [string, number] => [name, workers])))(
  '%s (%d tasks)',
  async (name, workers) => {
    const golden = JSON.parse(readFileSync(join(folder, `${name}${SUFFIX}`), 'utf8')) as Golden;
    for (const file of filesOf(name))
      await project.file(`${name}-${workers}/${file}`, readFileSync(join(folder, file)));
    const yaml = jobOf(name, golden, workers);
    if (golden.error) {
      expect((await project.run(yaml)).error?.toJSON()).toMatchObject(golden.error);
      return;
    }
    const { logs } = await project.ok(yaml);
    if (golden.warnings !== undefined)
      expect(logs.filter(({ level }) => level === 'warn')).toHaveLength(golden.warnings);
    const found = await project.table(yaml, 'SELECT * FROM golden LIMIT 0');
    expect(Object.fromEntries(found.columns.map((c) => [c.name, formatType(c.type)]))).toEqual(golden.columns);
    expect(found.columns.map((c) => c.name)).toEqual(Object.keys(golden.columns ?? {}));
    const rows = await project.rows(yaml, 'SELECT COLUMNS(*)::VARCHAR FROM golden');
    expect(sorted(rows)).toEqual(sorted(golden.rows ?? []));
    const names = ['code', 'path', 'row_number', 'byte_offset', 'row'];
    const aside = await project.rows(
      yaml,
      `SELECT ${names.map((n) => `"${n}"::VARCHAR`).join(', ')} FROM _sluice_quarantine ORDER BY path, row_number`,
    );
    expect(aside.map((row) => Object.fromEntries(names.map((n, i) => [n, row[i]])))).toMatchObject(
      golden.quarantine ?? [],
    );
    expect(aside).toHaveLength(golden.quarantine?.length ?? 0);
  },
);

it('every golden input has its expectation, and every format a golden file', () => {
  const owned = new Set(cases.flatMap(filesOf));
  expect(all.filter((file) => !file.endsWith(SUFFIX) && !owned.has(file))).toEqual([]);
  // A spreadsheet is no file, and a Delta table is a folder: tests of their own read them.
  const shown = new Set(['sheets', 'delta', ...cases.map((name) => name.split('-')[0])]);
  expect(Object.keys(specs.formats).filter((type) => !shown.has(type))).toEqual([]);
});
