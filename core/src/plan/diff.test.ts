import { describe, expect, it } from 'vitest';
import { compileText, jobOf } from '../../test/compiled.ts';
import { jobSchema } from '../check/job-schema.ts';
import { canonicalJson, hashJson } from '../compile/canonical.ts';
import type { Job } from '../model/job.ts';
import type { Json, JsonObject } from '../model/json.ts';
import type { Schema } from '../spec/schema.ts';
import { applied, destructiveEffects, diff, isEmpty } from './diff.ts';
import { planJson, planMarkdown, planText } from './render.ts';
import type { ActualSet, DesiredSet, Problem } from './types.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const CONFIG = `version: 1
name: shop
masking: {key: "\${env:MASK_KEY}"}
channels:
  oncall: {type: slack, url: "\${env:SLACK_URL}"}
connections:
  pg: {type: postgres, url: "postgresql://app:\${env:PG_PASSWORD}@db/shop"}
  loose: {type: postgres, host: db, database: shop, user: app, password: "\${env:PW:-tops3cret}"}
`;

const job = (text: string, file?: string) => jobOf(CONFIG, text, file);

function desired(jobs: Job[], problems: Problem[] = []): DesiredSet {
  return { project: 'shop', target: 'default', jobs, problems };
}

/** What is applied, as it comes back from a database. */
function actual(jobs: Job[], version = 1): ActualSet {
  return { version, jobs: JSON.parse(JSON.stringify(jobs)) as Job[] };
}

function planOf(before: Job[], after: Job[], problems: Problem[] = []) {
  return diff(desired(after, problems), actual(before), NOW);
}

const small = (name: string, more = '') => `name: ${name}\nsource: {type: local, path: ${name}/*.csv}\n${more}`;
const from = (connection: string, more = '') =>
  `name: a\nsource: {connection: ${connection}, type: postgres, table: t}\n${more}`;

describe('diff', () => {
  it('is empty for another way of writing, and names the one field that changed', () => {
    const first = small('a', 'retries: {max: 1}\nschedule: {cron: "0  6 * * *", timezone: UTC}\n');
    const second = `# why\nschedule: {timezone: UTC, cron: "0 6 * * *"}\nretries:\n  max: 1 # more\n${small('a')}enabled: true`;
    const third = second.replace('0 6 *', '30 6 *');
    expect(isEmpty(planOf([job(first)], [job(second)]))).toBe(true);
    const { changes } = planOf([job(second)], [job(third)]);
    expect(changes).toHaveLength(1);
    expect(changes[0]).toMatchObject({
      address: 'a',
      action: 'update',
      fields: [{ path: 'schedule.cron', old: '0 6 * * *', new: '30 6 * * *' }],
    });
    expect(changes[0]?.effects[0]?.message).toMatch(/2026-01-01T06:00:00.000Z.*→ 2026-01-01T06:30:00.000Z/);
  });

  it('gives a stream of another name its own address, and tells of its cursor', () => {
    const text = (column: string) =>
      `name: a\nsource: {connection: pg, type: postgres}\nincremental: {type: cursor, column: ${column}}\nstreams:\n  - {name: x, source: {table: x}}\n  - {name: y, source: {table: y}}\n`;
    const { changes } = planOf([job(text('id'))], [job(text('at'))]);
    expect(changes.map(({ address, action }) => [address, action])).toEqual([
      ['a', 'none'],
      ['a/x', 'update'],
      ['a/y', 'update'],
    ]);
    expect(changes[1]?.fields.map(({ path }) => path)).toEqual(['incremental.column']);
    expect(changes[1]?.effects[0]?.message).toContain('cursor reset');
  });

  it('calls a reload that replaces, and a new replace, destructive', () => {
    const text = (disposition: string) =>
      from('pg', `destination: {type: duckdb, write_disposition: ${disposition}}\n`);
    expect(destructiveEffects(planOf([job(text('append'))], [job(text('replace'))]))).toHaveLength(1);
    const other = text('replace').replace('connection: pg', 'connection: loose');
    expect(destructiveEffects(planOf([job(text('replace'))], [job(other)]))).toHaveLength(1);
    expect(destructiveEffects(planOf([job(text('replace'))], [job(`${text('replace')}owner: me\n`)]))).toEqual([]);
  });

  it('lists streams that come, go and move', () => {
    const text = (names: string[]) => `${small('a')}streams:\n${names.map((name) => `  - {name: ${name}}\n`).join('')}`;
    const actions = (before: string[], after: string[]) =>
      planOf([job(text(before))], [job(text(after))]).changes.map(({ address, action }) => `${action} ${address}`);
    expect(actions(['x', 'y'], ['y', 'z'])).toEqual(['none a', 'delete a/x', 'none a/y', 'create a/z']);
    expect(actions(['x', 'y'], ['y', 'x'])).toEqual(['update a', 'none a/x', 'none a/y']);
  });
});

describe('limits', () => {
  const of = (limits: Record<string, number> | undefined, before: Record<string, number>) =>
    diff({ ...desired([]), ...(limits ? { limits } : {}) }, { ...actual([]), limits: before }, NOW);

  it('are a change of sluice.yaml, and no change once they are applied', () => {
    const plan = of({ 'tag:heavy': 2, 'connection:crm': 1 }, { 'tag:heavy': 3, 'tag:old': 1 });
    expect(plan.changes).toMatchObject([
      {
        address: 'sluice.yaml',
        action: 'update',
        fields: [
          { path: 'concurrency.connections.crm', old: null, new: 1 },
          { path: 'concurrency.tags.heavy', old: 3, new: 2 },
          { path: 'concurrency.tags.old', old: 1, new: null },
        ],
      },
    ]);
    expect(isEmpty(plan)).toBe(false);
    expect(isEmpty(of({ 'tag:heavy': 2 }, plan.limits))).toBe(false);
    expect(isEmpty(of(plan.limits, plan.limits))).toBe(true);
    expect(plan.hash).not.toBe(of({}, {}).hash);
  });

  it('stay where sluice.yaml does not tell', () => {
    expect(of(undefined, { 'tag:heavy': 3 })).toMatchObject({ changes: [], limits: { 'tag:heavy': 3 } });
  });
});

describe('what is not there', () => {
  it('deletes a job whose file is gone, with what it does said', () => {
    const plan = planOf([job(small('a'))], []);
    expect(plan.changes).toMatchObject([{ address: 'a', action: 'delete' }]);
    expect(destructiveEffects(plan)).toEqual([]);
  });

  it('carries over what renamed_from names, and only warns where it is missing', () => {
    const old = job(small('a'));
    const loads = 'source: {type: local, path: a/*.csv}\ndestination: {type: duckdb, table: a}\n';
    const named = planOf([old], [job(`name: b\nrenamed_from: [a]\n${loads}`)]);
    expect(named.changes).toMatchObject([{ address: 'b', action: 'update', reason: expect.stringContaining('a') }]);
    expect(named.warnings).toEqual([]);
    const guessed = planOf([old], [job(`name: b\n${loads}`)]);
    expect(guessed.changes.map(({ action }) => action)).toEqual(['delete', 'create']);
    expect(guessed.warnings).toHaveLength(1);
  });

  it.each([
    ['by its file', { file: 'jobs/a.yaml', names: [], message: 'm' }],
    ['by its name', { file: 'jobs/moved.yaml', names: ['a'], message: 'm' }],
    ['that may be any', { file: 'jobs/new.yaml', names: [], message: 'm' }],
  ])('keeps the job of a broken file %s and blocks no other', (_, problem) => {
    const other = job(small('b'), 'jobs/b.yaml');
    const before = [job(small('a')), other];
    const after = [job(small('b', 'owner: me\n'), 'jobs/b.yaml')];
    const plan = planOf(before, after, [problem]);
    expect(plan.changes.map(({ address, action }) => [address, action])).toEqual([
      ['a', 'none'],
      ['b', 'update'],
    ]);
    expect(planText(plan)).toContain(problem.file);
    const kept = applied(desired(after, [problem]), actual(before));
    expect(kept.map(({ name }) => name).sort()).toEqual(['a', 'b']);
    expect(isEmpty(planOf(kept, after, [problem]))).toBe(true);
  });

  it('deletes others where the broken file is of a known job', () => {
    const before = [job(small('a')), job(small('b'), 'jobs/b.yaml')];
    const plan = planOf(before, [], [{ file: 'jobs/a.yaml', names: [], message: 'm' }]);
    expect(plan.changes.map(({ action }) => action)).toEqual(['none', 'delete']);
  });
});

describe('hash', () => {
  it('follows the desired set and the version, not the order, the clock or the way of writing', () => {
    const [a, b] = [job(small('a')), job(small('b'), 'jobs/b.yaml')];
    const base = diff(desired([a, b]), actual([], 1), NOW).hash;
    expect(diff(desired([b, job(`# x\n${small('a')}`)]), actual([], 1), NOW + 1e9).hash).toBe(base);
    expect(diff(desired([a, b]), actual([], 2), NOW).hash).not.toBe(base);
    expect(diff(desired([a]), actual([], 1), NOW).hash).not.toBe(base);
    expect(diff({ ...desired([a, b]), target: 'prod' }, actual([], 1), NOW).hash).not.toBe(base);
  });
});

describe('secrets', () => {
  it.each([planText, planMarkdown, planJson])('shows symbols alone', (render) => {
    const plan = planOf([job(from('pg'))], [job(from('loose'))]);
    expect(render(plan)).not.toContain('tops3cret');
    expect(JSON.stringify(plan)).toContain('***');
    expect(JSON.stringify(plan)).toContain('${env:PG_PASSWORD}');
  });

  it('tells that a hidden value changed', () => {
    const old = job(from('loose'));
    const text = JSON.stringify(old).replaceAll('tops3cret', 'n3wsecret');
    const plan = planOf([old], [{ ...(JSON.parse(text) as Job), hash: 'other' }]);
    expect(plan.changes[0]?.fields).toEqual([
      { path: 'source.settings.password', old: '${env:PW:-***}', new: '${env:PW:-***}' },
    ]);
  });
});

it('ends no cell of a Markdown table and moves no cursor', () => {
  const plan = planOf([job(small('a'))], [job(small('a', 'description: "a | <b> \\e[2J `x`\\n# y"\n'))]);
  const row = planMarkdown(plan)
    .split('\n')
    .find((line) => line.startsWith('| `a`'));
  expect(row?.split('|')).toHaveLength(6);
  expect(row).not.toMatch(/<b>/);
  expect(planText(plan)).not.toMatch(/\u001b/);
});

/** Values that a schema allows, a few of each. */
function samples(schema: Schema): Json[] {
  if (schema.const !== undefined) return [schema.const];
  if (schema.enum) return [...schema.enum];
  const given = [...(schema.examples ?? []), ...(schema.default === undefined ? [] : [schema.default])] as Json[];
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  const kinds: Record<string, Json[]> = {
    duration: ['5m'],
    size: ['3MB'],
    cron: ['5 4 * * *'],
    timezone: ['Europe/Berlin'],
    timestamp: ['2026-01-01T00:00:00Z'],
    type: ['int'],
    strftime: ['%Y-%m-%d'],
    glob: ['x/*.csv'],
  };
  const kind = kinds[schema['x-kind'] ?? ''] ?? ['x'];
  if (type === 'boolean') return [true, false];
  if (type === 'integer' || type === 'number') return [...given, schema.minimum ?? 1, (schema.minimum ?? 1) + 1];
  if (type === 'string') return [...given, ...kind];
  if (type === 'array') return [...given, ...(schema.items ? samples(schema.items).map((item) => [item]) : [])];
  return given;
}

/** Each field of a schema by its path, with values for it; unions by the type that the base has. */
function* fieldsIn(schema: Schema, base: Json, path: string[] = []): Generator<{ path: string[]; value: Json }> {
  for (const value of samples(schema)) yield { path, value };
  const object = base !== null && typeof base === 'object' && !Array.isArray(base) ? base : {};
  const union = schema['x-union'];
  const chosen = union?.of[String(object[union.key])];
  const properties = { ...schema.properties, ...chosen?.properties };
  for (const [key, inner] of Object.entries(properties)) {
    if (path.length < 4 && key !== 'name') yield* fieldsIn(inner, object[key] ?? null, [...path, key]);
  }
}

function withField(base: Json, [key, ...rest]: readonly string[], value: Json): Json {
  if (key === undefined) return value;
  const object = base !== null && typeof base === 'object' && !Array.isArray(base) ? base : {};
  return { ...object, [key]: withField(object[key] ?? null, rest, value) };
}

const BASES: JsonObject[] = [
  { name: 'a', source: { type: 'local', path: 'a/*.csv', format: { type: 'csv' } }, destination: { type: 'duckdb' } },
  {
    name: 'a',
    source: { type: 'postgres', connection: 'pg', table: 't' },
    destination: { type: 'postgres', connection: 'pg', table: 'u' },
    incremental: { type: 'cursor', column: 'id' },
  },
];

it('is empty after it was applied, for every field of the language, and is not before', () => {
  const seen = new Set<string>();
  for (const base of BASES) {
    const before = job(JSON.stringify(base));
    for (const { path, value } of fieldsIn(jobSchema, base)) {
      const { job: after } = compileText(CONFIG, JSON.stringify(withField(base, path, value)), 'jobs/a.yaml');
      if (!after) continue;
      seen.add(path.join('.'));
      const context = `${path.join('.')} = ${JSON.stringify(value)}`;
      expect(isEmpty(planOf([before], [after])), context).toBe(before.hash === after.hash);
      expect(isEmpty(planOf(applied(desired([after]), actual([before])), [after])), context).toBe(true);
    }
  }
  expect(seen.size).toBeGreaterThan(40);
  expect(seen).toContain('notify');
  expect(seen).toContain('sla.freshness');
});

/** Every value inside a compiled job, each changed alone. */
function* mutations(value: Json, path: string[] = []): Generator<{ path: string[]; changed: (root: Json) => Json }> {
  const set = (root: Json, [key, ...rest]: readonly string[], to: Json): Json => {
    if (key === undefined) return to;
    if (Array.isArray(root)) return root.map((entry, i) => (String(i) === key ? set(entry, rest, to) : entry));
    const object = root as JsonObject;
    return { ...object, [key]: set(object[key] ?? null, rest, to) };
  };
  if (value !== null && typeof value === 'object') {
    for (const [key, inner] of Object.entries(value)) yield* mutations(inner, [...path, key]);
    return;
  }
  const other: Json = typeof value === 'number' ? value + 1 : typeof value === 'boolean' ? !value : `${value ?? ''}z`;
  yield { path, changed: (root) => set(root, path, other) };
}

it('shows every single value of a compiled job that changes', () => {
  const whole = job(
    from(
      'pg',
      'columns: [{name: id, type: int, primary_key: true}]\ntransform: [{filter: "id > 1"}]\nchecks: [{row_count: {min: 1}}]\nincremental: {type: cursor, column: id}\nschedule: "0 6 * * *"\nstreams: [{name: a}, {name: y, source: {table: y}}]\n',
    ),
  ) as unknown as Json;
  let count = 0;
  for (const { path, changed } of mutations(whole)) {
    const last = path.at(-1);
    if (['hash', 'project', 'target', 'cron', 'timezone'].includes(last ?? '') || canonicalJson(path) === '["name"]')
      continue;
    const { hash: _, ...rest } = changed(whole) as unknown as Job;
    const after: Job = { ...rest, hash: hashJson(rest as unknown as Json) };
    expect(isEmpty(planOf([whole as unknown as Job], [after])), path.join('.')).toBe(false);
    expect(isEmpty(planOf([after], [after])), path.join('.')).toBe(true);
    count++;
  }
  expect(count).toBeGreaterThan(40);
});
