import { describe, expect, it } from 'vitest';
import { previewPage, typeText } from '../src/preview-page.ts';
import { follow, newRecord, type RunLine, summary } from '../src/runs/record.ts';

const at = '2026-01-01T00:00:03.000Z';
const start = Date.parse('2026-01-01T00:00:00.000Z');
const line = (more: object): RunLine => ({ time: at, job: 'a', ...more }) as RunLine;
const error = { code: 'type/value', kind: 'data', message: 'm', where: { column: 'n' }, hint: null };
const ended = (status: string, rows: number, failure: object | null = null): RunLine =>
  line({
    type: 'ended',
    run_id: 'r',
    status,
    duration_ms: 3000,
    error: failure,
    streams: [{ stream: 's', counts: { rows_written: rows }, error: failure }],
  });

describe('a run by its events', () => {
  it('is told while it runs and when it has ended', () => {
    let record = newRecord('/p', 'a', start);
    const told = [summary(record, start + 1000)];
    for (const one of [
      line({ type: 'started', run_id: 'r' }),
      line({ type: 'phase', stream: 's', phase: 'load' }),
      line({ type: 'progress', stream: 's', rows: 1_234_567, rows_estimated: true, bytes: 1, total_bytes: 2 }),
      ended('succeeded', 3376),
    ]) {
      record = follow(record, one);
      told.push(summary(record, start + 1000));
    }
    expect(told).toEqual([
      'starting, 1.0 s',
      'starting, 1.0 s',
      'load, 1.0 s',
      'load, ~1.23M rows, 1.0 s',
      '3,376 rows, 3.0 s',
    ]);
  });

  it('says which window it is at, and how many there were', () => {
    let record = newRecord('/p', 'a', start);
    const told: string[] = [];
    for (const number of [1, 2]) {
      record = follow(record, line({ type: 'window', from: at, to: at, number, of: 2 }));
      told.push(summary(record, start + 1000));
      record = follow(record, ended('succeeded', number));
    }
    expect([...told, summary(record, start + 9000)]).toEqual([
      'window 1 of 2, starting, 1.0 s',
      'window 2 of 2, starting, 3.0 s',
      '3 rows in 2 windows, 6.0 s',
    ]);
  });

  it('adds up the windows of a job, and stays failed where one failed, each error once with its stream', () => {
    const one = follow(newRecord('/p', 'a', start), ended('succeeded', 2));
    const two = follow(one, ended('failed', 0, error));
    const three = follow(two, ended('succeeded', 3));
    expect(three).toMatchObject({ state: 'failed', rowsWritten: 5, errors: [{ where: { stream: 's', column: 'n' } }] });
    expect(three.errors).toHaveLength(1);
  });
});

describe('the page of a preview', () => {
  it('shows every digit, tells null from text, and takes no text for markup', () => {
    const page = previewPage(
      'a',
      {
        preview: {
          columns: [
            { name: '<b>', type: { kind: 'decimal', precision: 38, scale: 2 } },
            { name: 'x', type: { kind: 'text' } },
          ],
          rows: [
            { '<b>': '99999999999999999999.10', x: '<script>' },
            { '<b>': null, x: 'NULL' },
          ],
          rejected: 2,
          notes: ['"quoted"'],
        },
      },
      { nonce: 'n', rows: 100 },
    );
    expect(page).toContain('<td class="number">99999999999999999999.10</td><td>&#60;script&#62;</td>');
    expect(page).toContain('<td class="null">NULL</td><td>NULL</td>');
    expect(page).toContain('<th>&#60;b&#62;<small>decimal(38,2)</small></th>');
    expect(page).toContain('2 would be rejected');
    expect(page.match(/<script/g)).toHaveLength(1);
    const item = { kind: 'struct', fields: [{ name: 'f', type: { kind: 'list', item: { kind: 'int' } } }] };
    expect(typeText(item)).toBe('struct<f: list<int>>');
  });
});
