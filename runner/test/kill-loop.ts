import * as specs from '@sluice/core/specs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adds, destination, type Kind, type Ran, SCHEMAS, type TestProject, testProject, typeOf } from './harness.ts';

type Disposition = 'append' | 'replace' | 'merge';

export interface Way {
  disposition: Disposition;
  tasks: 1 | 3;
}

export const WAYS: readonly Way[] = (['append', 'replace', 'merge'] as const).flatMap((disposition) =>
  ([1, 3] as const).map((tasks) => ({ disposition, tasks })),
);

/** The ways that a kind has. */
function waysOf(kind: Kind): readonly Way[] {
  // On another store the steps of the same destination are the same: it is the moments around the commit that differ.
  if (kind === 'delta_s3' && !ALL)
    return WAYS.filter(
      ({ disposition, tasks }) => disposition !== 'replace' && tasks === (disposition === 'append' ? 3 : 1),
    );
  const known = specs.destinations[typeOf(kind)]?.capabilities.write_dispositions ?? [];
  const ways = WAYS.filter((way) => known.includes(way.disposition));
  // Of two ways that end in the same steps of a destination one is enough for the kinds that came later.
  const twins = ['replace 1', 'merge 3'];
  return ALL || isFirst(kind) ? ways : ways.filter((way) => !twins.includes(`${way.disposition} ${way.tasks}`));
}

/** SLUICE_KILL_ALL=1: every step in every way, each kill mended on its own. */
const ALL = process.env.SLUICE_KILL_ALL === '1';

const around = (name: string) => [`${name}.before`, `${name}.after`];
const START = [
  ...around('protocol.open'),
  'destination.open.before',
  'destination.open.inside',
  'destination.open.after',
  ...around('protocol.list'),
  ...around('protocol.intent'),
];
const LOAD = ['before', 'inside', 'committed', 'after'].map((step) => `destination.load.${step}`);
const COMMIT = ['before', 'inside', 'committed', 'after'].map((step) => `destination.commit.${step}`);
const END = [...around('protocol.commit'), ...around('protocol.finish')];

/** Steps of the protocol between which and the destination's own step beside them nothing is written: dying there leaves the same behind. */
const SAME: readonly string[] = [
  ...around('protocol.open'),
  'protocol.token.before',
  ...around('protocol.commit'),
  'protocol.finish.before',
];

/** The steps that a run of this way passes; those before the first row are the same in all ways and left to one of them. */
export function pointsOf(way: Way, kind: Kind): string[] {
  const points = allPoints(way, kind);
  if (ALL || (kind === 'duckdb' && isPlainest(way))) return points;
  if (isFirst(kind)) return points.filter((point) => !SAME.includes(point));
  // The protocol's own steps are the same for all kinds: two of them stand for it. Append passes every step of the destination;
  // in the other ways it is the last moment before and the first after the commit that differ.
  const all = points.filter((point) => point.startsWith('destination.'));
  // Over SFTP the steps are those of local folders, on another disk: the moments around what others can see stand for them.
  const own =
    kind === 'sftp' ? all.filter((point) => /(inside|committed|stage\.after|abort\.before)$/.test(point)) : all;
  return way.disposition === 'append' && kind !== 'delta_s3'
    ? own
    : own.filter((point) => /(load|commit)\.(inside|committed)$/.test(point));
}

function isPlainest({ disposition, tasks }: Way): boolean {
  return disposition === 'append' && tasks === 1;
}

function isFirst(kind: Kind): boolean {
  return kind === 'duckdb' || kind === 'postgres';
}

function allPoints(way: Way, kind: Kind): string[] {
  const { disposition, tasks } = way;
  const start = ALL || isPlainest(way) ? START : [];
  if (tasks === 1) return [...start, ...LOAD, ...END];
  if (disposition === 'merge') return [...start, ...around('land'), ...around('protocol.token'), ...LOAD, ...END];
  const inside = kind === 'postgres' ? ['destination.stage.inside'] : [];
  const stage = [...around('destination.stage'), ...inside];
  const token = [...around('protocol.token'), ...around('destination.abort'), 'protocol.committing.before'];
  return [...start, ...stage, ...token, ...COMMIT, ...END];
}

/** What SLUICE_FAULT has to be for a step: what removes staging is only reached after something else went wrong. */
function faultAt(point: string): string {
  return point.startsWith('destination.abort') ? `protocol.token.after=kill,${point}=kill` : `${point}=kill`;
}

/** The plainest way is mended after each kill; elsewhere several runs in a row die before one may mend all that they left. */
function killsBeforeMending(way: Way, kind: Kind): number {
  if (ALL) return 1;
  if (!isFirst(kind)) return 4;
  return isPlainest(way) ? 1 : 3;
}

type Row = [id: string, value: string];

/** A job, its input as it grows, and the rows that must be in its table. */
export class Scenario {
  readonly project: TestProject;
  readonly yaml: string;
  readonly #way: Way;
  readonly #kind: Kind;
  readonly #name: string;
  readonly #files: Row[][] = [];

  constructor(project: TestProject, kind: Kind, way: Way, suffix = '') {
    this.project = project;
    this.#way = way;
    this.#kind = kind;
    this.#name = `${way.disposition}_${way.tasks}${suffix}`;
    const { disposition, tasks } = way;
    const key = disposition === 'merge' ? '  primary_key: [id]\n' : '';
    this.yaml =
      `name: ${this.#name}\nsource:\n  type: local\n  path: ${this.#name}/*.csv\n` +
      `columns:\n  - name: id\n    type: bigint\n  - name: v\n    type: text\n` +
      // Without a step that counts rows some destinations would take them all in one task.
      `transform:\n  - filter: id >= 0\n` +
      `${destination(kind, this.#name)}  write_disposition: ${disposition}\n${key}` +
      `compute:\n  workers:\n    min: ${tasks}\n    max: ${tasks}\n`;
  }

  /** Adds files: some of their keys stand in earlier ones too. */
  async grow(rows = 3): Promise<void> {
    for (let i = 0; i < this.#way.tasks; i++) {
      const n = this.#files.length;
      const file = Array.from({ length: rows }, (_, r): Row => {
        const id = r === 0 ? String(n % 5) : String(1000 + n * rows + r);
        return [id, `f${n}r${r}`];
      });
      this.#files.push(file);
      const text = `id,v\n${file.map((row) => row.join(',')).join('\n')}\n`;
      // A replace reads everything each time: its files are written over.
      const name = this.#way.disposition === 'replace' ? i : n;
      await this.project.file(`${this.#name}/${String(name).padStart(5, '0')}.csv`, text);
    }
  }

  expected(): Row[] {
    const { disposition, tasks } = this.#way;
    const all = disposition === 'replace' ? this.#files.slice(-tasks).flat() : this.#files.flat();
    const rows = disposition === 'merge' ? [...new Map(all.map((row) => [row[0], row])).values()] : all;
    return rows.map((row) => [...row] as Row).sort(compare);
  }

  async actual(): Promise<(string | null)[][]> {
    const sql = `SELECT id, v FROM ${SCHEMAS[this.#kind]}${this.#name}`;
    return (await this.project.rows(this.yaml, sql)).sort(compare);
  }

  /** The end that every run without a fault has to reach, whatever happened before. */
  async expectWhole(result: Ran): Promise<void> {
    expect(result.error).toBeNull();
    expect(result.status).toBe('succeeded');
    expect(adds(result)).toBe(true);
    expect(await this.actual()).toEqual(this.expected());
    expect(await this.project.leftovers()).toEqual([]);
  }

  async expectNothingNew(): Promise<void> {
    const before = await this.actual();
    const again = await this.project.run(this.yaml);
    expect(again.error).toBeNull();
    expect(again.status).toBe('succeeded');
    if (this.#way.disposition !== 'replace') expect(again.streams[0]?.status).toBe('skipped');
    expect(await this.actual()).toEqual(before);
    await this.expectHistory();
  }

  /** Every commit has its place in the history, whatever became of the run that made it. */
  async expectHistory(): Promise<void> {
    const rows = await this.project.db.query(
      `SELECT seq, (counts->>'rows_read')::int + (counts->>'rows_added')::int - (counts->>'rows_written')::int
         - (counts->>'rows_rejected')::int - (counts->>'rows_filtered')::int AS rest
       FROM sluice.checkpoints WHERE job = '${this.#name}' ORDER BY seq`,
    );
    const state = await this.project.rows(
      this.yaml,
      `SELECT seq FROM ${SCHEMAS[this.#kind]}_sluice_state WHERE job = '${this.#name}'`,
    );
    expect(rows.map((row) => row.seq)).toEqual(Array.from({ length: Number(state[0]?.[0]) }, (_, n) => String(n + 1)));
    expect(rows.filter((row) => row.rest !== '0')).toEqual([]);
    const open = await this.project.db.query(
      `SELECT i.run FROM sluice.intents i JOIN sluice.runs r ON r.id = i.run WHERE r.job = '${this.#name}' AND i.settled_at IS NULL`,
    );
    expect(open).toEqual([]);
  }
}

function compare(a: readonly (string | null)[], b: readonly (string | null)[]): number {
  const [x, y] = [a.join('\0'), b.join('\0')];
  return x < y ? -1 : x > y ? 1 : 0;
}

/** Kills the executor at every step of the protocol and expects the next run to mend everything. */
export function killLoop(kind: Kind): void {
  let project: TestProject;
  beforeAll(async () => {
    project = await testProject({
      mariadb: kind === 'mysql',
      s3: kind === 's3' || kind === 'delta_s3',
      sshd: kind === 'sftp',
    });
  });
  afterAll(() => project.close());

  describe.each(waysOf(kind))('$disposition, $tasks tasks', (way) => {
    it('loses and repeats nothing wherever the executor is killed', {
      timeout: ALL ? 1_800_000 : 600_000,
    }, async () => {
      const scenario = new Scenario(project, kind, way);
      await scenario.grow();
      await scenario.expectWhole(await project.run(scenario.yaml));
      const points = pointsOf(way, kind);
      const together = killsBeforeMending(way, kind);
      for (let at = 0; at < points.length; at += together) {
        const some = points.slice(at, at + together);
        for (const point of some) {
          await scenario.grow();
          // The runner cleans up after its executor: where that is killed too, it is left to the next run.
          const fault =
            together > 1 && !point.includes('abort') ? `${faultAt(point)},clean.before=kill` : faultAt(point);
          const killed = await project.run(scenario.yaml, { fault });
          expect([point, killed.error?.code]).toEqual([point, 'run/executor-died']);
          // What cleans up is killed as well where the step is one of cleaning up.
          if (together === 1 && !point.includes('abort'))
            expect([point, ...(await project.leftovers())]).toEqual([point]);
        }
        const mended = await project.run(scenario.yaml);
        await scenario.expectWhole(mended).catch((error) => {
          error.message = `${some.join(', ')}: ${error.message}`;
          throw error;
        });
      }
      if (ALL || isFirst(kind) || way.disposition === 'append') await scenario.expectNothingNew();
    });
  });
}
