import { describe, expect, it } from 'vitest';
import { jobOf } from '../../test/compiled.ts';
import { diff } from './diff.ts';
import { planMarkdown, planText } from './render.ts';
import { changedJobs, type KnownState, withState } from './state-effects.ts';
import type { Effect } from './types.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const CONFIG = `version: 1
name: shop
masking: {key: "\${env:MASK_KEY}"}
connections:
  pg: {type: postgres, url: "\${env:PG_URL}"}
`;

const job = (text: string) => jobOf(CONFIG, text);

function planOf(before: string | null, after: string | null) {
  const jobs = (text: string | null) => (text === null ? [] : [job(text)]);
  const desired = { project: 'shop', target: 'default', jobs: jobs(after), problems: [] };
  return diff(desired, { version: 1, jobs: jobs(before) }, NOW);
}

/** The effects of the job's own change. */
function effects(before: string | null, after: string | null): Effect[] {
  return planOf(before, after).changes[0]?.effects ?? [];
}

const kinds = (found: readonly Effect[]) => found.map(({ kind, destructive }) => (destructive ? `${kind}!` : kind));
const about = (found: readonly Effect[], kind: Effect['kind']) => found.filter((one) => one.kind === kind);

interface Parts {
  path?: string;
  columns?: string;
  more?: string;
  destination?: string;
  format?: string;
}

function files({ path = 'a/*.csv', columns = '[]', more = '', destination = '', format = 'csv' }: Parts = {}): string {
  return `name: a
source: {type: local, path: "${path}", format: ${format}}
columns: ${columns}
destination: {type: postgres, connection: pg, schema: s, table: t${destination}}
${more}`;
}

describe('what a change does to the table, by the files alone', () => {
  it.each<[what: string, before: Parts, after: Parts, expected: string[]]>([
    [
      'a declared type',
      { columns: '[{name: n, type: int}]' },
      { columns: '[{name: n, type: bigint}]' },
      ['load', 'files', 'table'],
    ],
    ['a column of metadata', {}, { columns: '[{name: file, metadata: path}]' }, ['load', 'files', 'table']],
    [
      'a column that is renamed',
      { columns: '[{name: n, from: x}]' },
      { columns: '[{name: m, from: x}]' },
      ['load', 'files', 'table'],
    ],
    ['one that is made no more', { columns: '[{name: file, metadata: path}]' }, {}, ['load', 'files', 'table']],
    ['one of the source that is listed no more', { columns: '[{name: n}]' }, {}, ['load', 'files']],
    ['a mask', { columns: '[{name: n}]' }, { columns: '[{name: n, mask: redact}]' }, ['load', 'files', 'rows']],
    [
      'a type for a column that had none',
      { columns: '[{name: n}]' },
      { columns: '[{name: n, type: int}]' },
      ['load', 'files', 'table'],
    ],
    ['a transform', {}, { more: 'transform: [{filter: "n > 1"}]' }, ['load', 'rows']],
    ['names', {}, { destination: ', naming: snake_case' }, ['load', 'table']],
    ['a default that is written out', {}, { destination: ', write_disposition: append' }, []],
    ['a pattern', {}, { path: 'a/**/*.csv' }, ['load', 'files']],
    ['a format', {}, { format: '{type: csv, delimiter: ";"}' }, ['load', 'files']],
    [
      'appending where it merged',
      { destination: ', write_disposition: merge, primary_key: [n]' },
      { destination: ', primary_key: [n]' },
      ['load', 'rows'],
    ],
    [
      'another key',
      { destination: ', write_disposition: merge, primary_key: [n]' },
      { destination: ', write_disposition: merge, primary_key: [n, m]' },
      ['load', 'rows'],
    ],
    [
      'hard deletes',
      { destination: ', write_disposition: merge, primary_key: [n]' },
      { destination: ', write_disposition: merge, primary_key: [n], deletes: {when: "op = \'D\'", mode: hard}' },
      ['load', 'rows!'],
    ],
    [
      'soft deletes',
      { destination: ', write_disposition: merge, primary_key: [n]' },
      { destination: ', write_disposition: merge, primary_key: [n], deletes: {when: "op = \'D\'", mode: soft}' },
      ['load', 'table'],
    ],
    ['files that are deleted at the source', {}, { format: 'csv, after_load: delete' }, ['load', 'files!']],
  ])('%s', (_, before, after, expected) => {
    expect(kinds(effects(files(before), files(after)))).toEqual(expected);
  });

  it('says what the contract makes of a column and of a type', () => {
    const typed = (type: string, mode: string) =>
      files({
        columns: `[{name: n, type: ${type}}]`,
        destination: `, schema_contract: {data_type: ${mode}, columns: ${mode}}`,
      });
    const texts = ['evolve', 'freeze', 'discard_row', 'discard_value', 'quarantine'].map((mode) => {
      const [effect] = about(effects(typed('int', mode), typed('text', mode)), 'table');
      expect(effect?.message).toContain('int → text');
      return effect?.message;
    });
    expect(new Set(texts).size).toBe(5);
  });

  it('makes the table anew under replace, and says so once for each column', () => {
    const whole = (columns: string) =>
      files({ columns, destination: ', write_disposition: replace', more: 'incremental: {type: none}' });
    const found = effects(whole('[{name: n, type: int}, {name: f, metadata: path}]'), whole('[{name: n, type: text}]'));
    expect(about(found, 'table').map(({ message }) => message)).toEqual([
      expect.stringContaining('int → text'),
      expect.stringContaining('column f goes'),
    ]);
  });

  it('names the table that a new job fills, and the one that a job fills from now on', () => {
    expect(about(effects(null, files()), 'table')[0]?.message).toContain('s.t');
    const moved = effects(files(), files().replace('table: t', 'table: u'));
    expect(kinds(moved)).toEqual(['load', 'table']);
    expect(about(moved, 'table')[0]?.message).toContain('s.u');
  });

  it('speaks of what is switched off and on again', () => {
    const two = (enabled: boolean) =>
      `${files()}streams: [{name: a}, {name: b, enabled: ${enabled}, destination: {table: b}}]\n`;
    const of = (before: boolean, after: boolean) => planOf(two(before), two(after)).changes[1];
    expect(of(true, false)).toMatchObject({ address: 'a/b', effects: [{ kind: 'load' }] });
    expect(kinds(of(false, true)?.effects ?? [])).toEqual(['load', 'load']);
  });
});

describe('what the state store knows', () => {
  const nothing: KnownState = { runs: [], paused: [], commits: [] };
  const alive: KnownState = {
    runs: [
      { job: 'a', id: 'r1', state: 'running' },
      { job: 'a', id: 'r2', state: 'queued' },
      { job: 'other', id: 'r3', state: 'running' },
    ],
    paused: [{ job: 'a', at: '2026-01-01T00:00:00.000Z', by: 'ann' }],
    commits: [{ job: 'a', stream: 'a', seq: 12, committed_at: '2025-12-31T00:00:00.000Z' }],
  };
  const found = (before: string | null, after: string | null, known = alive) =>
    withState(planOf(before, after), known).changes[0]?.effects ?? [];

  it('adds nothing to a plan where nothing is known or nothing changes', () => {
    const plan = planOf(files(), files({ more: 'owner: me' }));
    expect(withState(plan, nothing)).toEqual(plan);
    const same = planOf(files(), files());
    expect(withState(same, alive)).toEqual(same);
    expect(changedJobs(same)).toEqual([]);
  });

  it('tells of runs that go on and wait, of a pause, and of the last commit', () => {
    const changed = found(files(), files({ path: 'b/*.csv' }));
    expect(kinds(changed)).toEqual(['load', 'files', 'load', 'runs', 'runs', 'schedule']);
    expect(about(changed, 'load')[1]?.message).toContain('commit 12');
    expect(about(changed, 'runs')[0]?.message).toContain('r1');
    expect(JSON.stringify(changed)).not.toContain('r3');
  });

  it('tells what a deletion does to them', () => {
    const gone = found(files(), null);
    expect(about(gone, 'runs').map(({ message }) => message)).toEqual([
      expect.stringContaining('may end'),
      expect.stringContaining('cancelled'),
    ]);
    expect(about(gone, 'schedule')).toEqual([]);
  });

  it('knows a renamed job by its old name', () => {
    const renamed = files().replace('name: a', 'name: b\nrenamed_from: [a]');
    const plan = planOf(files(), renamed);
    expect(changedJobs(plan)).toEqual(['b', 'a']);
    const { effects: told = [] } = withState(plan, alive).changes[0] ?? {};
    expect(about(told, 'runs').map(({ message }) => message)).toEqual([
      expect.stringContaining('old name'),
      expect.stringContaining('cancelled'),
    ]);
  });

  it('does not promise a full load where the destination may remember the job', () => {
    const again = found(null, files());
    expect(about(again, 'load')).toMatchObject([{ message: expect.stringContaining('commit 12') }]);
    expect(about(found(null, files(), nothing), 'load')).toMatchObject([
      { message: expect.stringContaining('everything') },
    ]);
  });
});

it('counts what cannot be taken back in text and Markdown', () => {
  const plan = planOf(
    files({ destination: ', primary_key: [n]' }),
    files({ destination: ', write_disposition: replace', more: 'incremental: {type: none}' }),
  );
  expect(planText(plan)).toContain('; 2 destructive');
  expect(planMarkdown(plan)).toContain('; 2 destructive');
});
