import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { type OwnedEngine, openEngine } from '../src/engine/duckdb.ts';
import type { Check, Transform } from '../src/model/component.ts';
import type { CheckStep } from '../src/model/job.ts';
import type { JsonObject } from '../src/model/json.ts';

type Rows = Record<string, string | number | boolean | null>[];

/** An engine for the tests of one file, with steps run over a relation as the engine runs them. */
export function stepEngine() {
  let engine: OwnedEngine;
  let spool: string;
  beforeAll(async () => {
    spool = mkdtempSync(join(tmpdir(), 'sluice-step-'));
    engine = await openEngine({ spool, threads: 1, memory: 200_000_000 });
  });
  afterAll(() => {
    engine.close();
    rmSync(spool, { recursive: true, force: true });
  });
  return {
    async transform(transform: Transform, settings: JsonObject, input: string): Promise<Rows> {
      const columns = await engine.describe(input);
      return engine.rows(
        `WITH "input" AS NOT MATERIALIZED (${input}) SELECT * FROM (${transform.sql(settings, columns)})`,
      );
    },
    /** The rows that fail. */
    async failing(check: Check, step: CheckStep, input: string): Promise<Rows> {
      const failing = check.failing?.(step, await engine.describe(input)) ?? 'NULL';
      return engine.rows(
        `SELECT * EXCLUDE (failing) FROM (SELECT *, ${failing} AS failing FROM (${input})) WHERE failing`,
      );
    },
    async verdict(check: Check, step: CheckStep, input: string, now = '2024-02-01T00:00:00Z'): Promise<boolean> {
      const sql = check.verdict?.(step, await engine.describe(input), now) ?? '';
      const [row] = await engine.rows(`WITH "input" AS (${input}) SELECT * FROM (${sql})`);
      return row?.failed === true;
    },
  };
}

export function checkStep(type: string, settings: JsonObject, over: Partial<CheckStep> = {}): CheckStep {
  return { type, settings, column: null, on_failure: 'fail', ...over };
}
