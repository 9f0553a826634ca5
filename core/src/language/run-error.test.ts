import { describe, expect, it } from 'vitest';
import { createProject } from '../check/project.ts';
import type { SluiceErrorJson } from '../model/error.ts';
import { parseDocument } from '../text/parse.ts';
import { runErrorPlace } from './run-error.ts';

const JOB = `name: sales
source:
  type: local
  path: sales/*.csv
  format: csv
columns:
  - name: amount
    from: Betrag
    type: decimal(12,2)
  - name: zip
    checks: [not_null]
transform:
  - filter: idd > 1
checks:
  - row_count: {min: 3}
  - expression: id > 1
  - expression:
      sql: amount > 0
destination:
  type: postgres
  url: \${env:WH_URL}
  table: sales
  write_disposition: merge
  primary_key: [id]
`;

function locate(error: Partial<SluiceErrorJson>) {
  const document = parseDocument(JOB, 'jobs/sales.yaml');
  const project = createProject({ config: null, jobs: [document] });
  const context = { document, project, scope: project.scope(), host: { now: () => 0 } };
  const whole = { code: 'x/y', kind: 'data', message: '', where: {}, hint: null, ...error } as const;
  const found = runErrorPlace(context, whole);
  if (!found) return null;
  const fixes = found.fixes.map(({ title, edits }) => {
    const [edit] = edits.get('jobs/sales.yaml') ?? [];
    const text = JOB.slice(0, edit!.range.start) + edit!.text + JOB.slice(edit!.range.end);
    return [title, text.split('\n').filter((line) => !JOB.split('\n').includes(line))];
  });
  const line = JOB.slice(0, found.range.start).split('\n').length;
  return [line, JOB.slice(found.range.start, found.range.end), ...fixes];
}

describe('the place of a run’s error', () => {
  it.each([
    [
      { code: 'type/value', where: { column: 'amount' } },
      [9, 'decimal(12,2)', ['Set such rows aside', ['  format:', '    type: csv', '    on_bad_row: quarantine']]],
    ],
    [
      { code: 'check/not_null', where: { column: 'zip', row: 2 } },
      [11, 'not_null', ['Set the rows aside that fail', ['    checks: [not_null: {on_failure: quarantine}]']]],
    ],
    [{ code: 'check/row_count', message: '2 rows, fewer than 3' }, [15, 'row_count']],
    [
      { code: 'check/expression', message: 'the condition is false: amount > 0: 1 rows fail', where: { row: 1 } },
      [17, 'expression', ['Set the rows aside that fail', ['      on_failure: quarantine']]],
    ],
    [{ code: 'sql/bind', message: 'Referenced column "idd" not found' }, [13, 'idd > 1']],
    [
      { code: 'columns/missing', where: { column: 'Betrag' }, hint: 'Its columns are: id, Betrage, zip.' },
      [8, 'Betrag', ['Replace with `Betrage`', ['    from: Betrage']]],
    ],
    [{ code: 'source/no-data' }, [4, 'sales/*.csv']],
    [{ code: 'reference/unset', message: '${env:WH_URL} is not set' }, [21, '${env:WH_URL}']],
    [{ code: 'destination/unreachable' }, [22, 'sales']],
    [{ code: 'merge/null-key' }, [24, 'primary_key']],
    [{ code: 'run/lease-lost' }, [1, 'sales']],
  ] as [Partial<SluiceErrorJson>, unknown[]][])('%j', (error, expected) => {
    expect(locate(error)).toEqual(expected);
  });
});
