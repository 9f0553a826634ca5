import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import * as registry from '../src/registry.ts';
import { type EngineProject, engineProject } from './engine.ts';

let project: EngineProject;
beforeAll(async () => {
  project = await engineProject();
});
afterAll(() => project.close());

it.each([1, 3])('destinations are told what the run may use, by %i tasks and by the commit', async (tasks) => {
  const entry = registry.destinations.duckdb!;
  const duckdb = await entry.load();
  const budgets: unknown[] = [];
  const spy = vi.spyOn(entry, 'load').mockResolvedValue({
    connect(ctx) {
      budgets.push(ctx.budget);
      return duckdb.connect(ctx);
    },
  });
  const name = `budget_${tasks}`;
  for (let i = 0; i < tasks; i++) await project.file(`${name}/${i}.csv`, 'id\n1\n');
  // A step that counts rows keeps the tasks apart: without one the engine's own threads load them all.
  await project.ok(
    `name: ${name}\nsource:\n  type: local\n  path: ${name}/*.csv\ntransform:\n  - filter: id > 0\ncompute:\n  memory: 600MB\n  workers:\n    min: ${tasks}\n    max: ${tasks}\n`,
    { cores: 6 },
  );
  spy.mockRestore();
  const task = { threads: 6 / tasks, memory: 600_000_000 / tasks };
  expect(budgets).toEqual([{ threads: 6, memory: 600_000_000 }, ...Array.from({ length: tasks }, () => task)]);
});
