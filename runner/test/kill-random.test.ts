import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestProject, testProject, until } from './harness.ts';
import { Scenario, WAYS } from './kill-loop.ts';

/** SLUICE_KILLS=200 for a longer look; SLUICE_KILL_SEED for other moments. */
const KILLS = Number(process.env.SLUICE_KILLS ?? 25);
const SEED = Number(process.env.SLUICE_KILL_SEED ?? 1);

let project: TestProject;
beforeAll(async () => {
  project = await testProject();
});
afterAll(() => project.close());

/** Numbers from 0 to 1 that are the same for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

describe.runIf(existsSync('/proc/self/cwd'))('random moments', () => {
  it(`${KILLS} kills lose and repeat nothing`, { timeout: 60_000 + KILLS * 40_000 }, async () => {
    const random = randomOf(SEED);
    const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)] as T;
    const scenarios = new Map<string, Scenario>();
    let length = 3000;
    for (let n = 0; n < KILLS; n++) {
      const kind = pick(['duckdb', 'postgres'] as const);
      const way = pick(WAYS);
      const name = `${kind}_${way.disposition}_${way.tasks}`;
      const scenario = scenarios.get(name) ?? new Scenario(project, kind, way, `_${kind}_random`);
      scenarios.set(name, scenario);
      await scenario.grow(200);
      const victim = pick(['runner', 'executor'] as const);
      const delay = random() * length;
      const what = `kill ${n} of ${victim} after ${Math.round(delay)} ms, ${name}`;
      const started = Date.now();
      const { child, ended } = await project.spawn(scenario.yaml);
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, delay))]);
      if (victim === 'runner') child.kill('SIGKILL');
      else project.killExecutors();
      const { code } = await ended;
      // A kill that missed tells how long a run takes.
      if (code === 0) length = Date.now() - started;
      try {
        await scenario.expectWhole(await project.run(scenario.yaml));
        await until(() => project.executors().length === 0);
        expect(await scenario.actual()).toEqual(scenario.expected());
      } catch (error) {
        throw new Error(`${what}: ${error instanceof Error ? error.message : error}`, { cause: error });
      }
    }
    for (const scenario of scenarios.values()) await scenario.expectNothingNew();
  });
});
