import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ChildRun, type Ran, signal, type TestProject, testProject, until } from './harness.ts';
import { Scenario } from './kill-loop.ts';

/** Processes are found and stopped by what Linux tells of them. */
const linux = existsSync('/proc/self/cwd');
let project: TestProject;

beforeAll(async () => {
  project = await testProject();
});
afterAll(() => project.close());

function lineOf(ended: Awaited<ChildRun['ended']>): { status: string; error: { code: string } | null } {
  return JSON.parse(ended.stdout.trim().split('\n').at(-1) ?? '');
}

/** Runs the job as soon as its lease allows it. */
async function runWhenFree(scenario: Scenario): Promise<Ran> {
  let result: Ran | null = null;
  await until(async () => {
    result = await project.run(scenario.yaml).catch((error) => {
      if (error.code === 'run/busy') return null;
      throw error;
    });
    return result !== null;
  });
  return result as unknown as Ran;
}

describe.runIf(linux).each(['duckdb', 'postgres'] as const)('%s', (kind) => {
  describe.each([
    { disposition: 'append', tasks: 1 },
    { disposition: 'append', tasks: 3 },
  ] as const)('$disposition, $tasks tasks', (way) => {
    const write = way.tasks === 1 ? 'load' : 'commit';

    it('a run whose runner was killed is taken over at once', async () => {
      const scenario = new Scenario(project, kind, way, `_${kind}_takeover`);
      await scenario.grow();
      await scenario.expectWhole(await project.run(scenario.yaml));
      const points = ['protocol.intent.after', `destination.${write}.inside`, `destination.${write}.committed`];
      for (const point of points) {
        await scenario.grow();
        const first = await project.spawn(scenario.yaml, { SLUICE_FAULT: `${point}=kill-parent` });
        expect([point, (await first.ended).signal]).toEqual([point, 'SIGKILL']);
        // At once: its executor may live a moment longer.
        const second = await project.run(scenario.yaml);
        await scenario.expectWhole(second);
        await until(() => project.executors().length === 0);
        expect(await scenario.actual()).toEqual(scenario.expected());
      }
      await scenario.expectNothingNew();
    });

    it('an executor that was stopped past its lease cannot commit any more', async () => {
      const scenario = new Scenario(project, kind, way, `_${kind}_fenced`);
      await scenario.grow();
      await scenario.expectWhole(await project.run(scenario.yaml));
      await scenario.grow();
      const env = { SLUICE_FAULT: 'protocol.commit.before=stop', SLUICE_LEASE_MS: '1000' };
      const first = await project.spawn(scenario.yaml, env);
      let stopped: number[] = [];
      await until(() => {
        stopped = project.stoppedExecutors();
        return stopped.length > 0;
      });
      const second = await runWhenFree(scenario);
      expect(second.error).toBeNull();
      // Where the other run took long its own runner has ended it by now.
      for (const pid of stopped) signal(pid, 'SIGCONT');
      const ended = await first.ended;
      expect(ended.code).toBe(1);
      expect(lineOf(ended)).toMatchObject({
        status: 'failed',
        error: { code: expect.stringMatching(/^(commit\/fenced|run\/lease-lost)$/) },
      });
      await scenario.expectWhole(second);
      await scenario.expectNothingNew();
    });
  });

  it('the runner ends an executor that stays stopped once another run has the job', async () => {
    const scenario = new Scenario(project, kind, { disposition: 'append', tasks: 1 }, `_${kind}_stuck`);
    await scenario.grow();
    // Stopped in its transaction: the other run has to get past its locks.
    const env = { SLUICE_FAULT: 'destination.load.inside=stop', SLUICE_LEASE_MS: '1000' };
    const first = await project.spawn(scenario.yaml, env);
    await until(() => project.stoppedExecutors().length > 0);
    const second = await runWhenFree(scenario);
    const ended = await first.ended;
    expect(lineOf(ended)).toMatchObject({ status: 'failed', error: { code: 'run/lease-lost' } });
    await scenario.expectWhole(second);
  });
});
