import { type ActualSet, isEmpty, type Job, type Plan, SluiceError } from '@sluice/core';
import type pg from 'pg';
import { type Database, jsonb } from './connection.ts';
import { type AppliedChanges, followApplied } from './jobs.ts';
import type { Application, AppliedJob, TargetKey } from './types.ts';

/** Changed jobs of one plan that one statement writes, and after which the tables are others to the server. */
const MANY = 500;

/** Limits that hold now: those of the plan that was applied last. */
const LIMITS = 'SELECT limits FROM applied_plans WHERE project = $1 AND target = $2 ORDER BY version DESC LIMIT 1';

/**
 * What is applied of a project in a target; version 0 and no jobs where nothing was. Writes nothing. `known`: what was read before,
 * given again where it is still so.
 */
export async function actual(db: Database, { project, target }: TargetKey, known?: ActualSet): Promise<ActualSet> {
  if (known) {
    const { rows } = await db.query(
      'SELECT coalesce(max(version), 0) AS version FROM applied_plans WHERE project = $1 AND target = $2',
      [project, target],
    );
    if (Number(rows[0]?.version) === known.version) return known;
  }
  // One statement, so that version and jobs are of one moment.
  const { rows } = await db.query(
    `SELECT (SELECT coalesce(max(version), 0) FROM applied_plans WHERE project = $1 AND target = $2) AS version,
       (${LIMITS}) AS limits,
       (SELECT coalesce(json_agg(definition ORDER BY job), '[]') FROM applied_jobs WHERE project = $1 AND target = $2) AS jobs`,
    [project, target],
  );
  return {
    version: Number(rows[0]?.version ?? 0),
    jobs: (rows[0]?.jobs ?? []) as Job[],
    limits: rows[0]?.limits ?? {},
  };
}

/**
 * Makes `jobs` what is applied, in one transaction, and gives the version from then on. Where the plan is empty nothing but the
 * problems of files is written, and the version stays. Throws `plan/stale` where another plan was applied since this one was made.
 */
export function applyPlan(db: Database, application: Application): Promise<number> {
  const { plan, jobs, problems } = application;
  const key = [plan.project, plan.target];
  return db.transaction(async (client) => {
    await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 2))', [JSON.stringify(key)]);
    const { rows } = await client.query(
      'SELECT coalesce(max(version), 0) AS version FROM applied_plans WHERE project = $1 AND target = $2',
      key,
    );
    if (Number(rows[0]?.version) !== plan.version) throw stale(plan);
    const version = isEmpty(plan) ? plan.version : plan.version + 1;
    if (version !== plan.version) {
      await client.query(
        `INSERT INTO applied_plans (project, target, version, plan_hash, plan, git_revision, author, limits)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
        [
          ...key,
          version,
          plan.hash,
          jsonb(withChanges(plan)),
          application.gitRevision,
          application.author,
          jsonb(plan.limits),
        ],
      );
      const changes = changesOf(await appliedBefore(client, key, application), jobs);
      if (changes.gone.length > 0)
        await client.query('DELETE FROM applied_jobs WHERE project = $1 AND target = $2 AND job = ANY ($3::text[])', [
          ...key,
          changes.gone,
        ]);
      for (let at = 0; at < changes.changed.length; at += MANY) {
        await writeJobs(client, [...key, version], changes.changed.slice(at, at + MANY));
      }
      await followApplied(client, plan, changes);
      // Until the server does it by itself, its plans are those for empty tables.
      if (changes.changed.length > MANY) await client.query('ANALYZE applied_jobs, job_states');
      await client.query(`INSERT INTO events (project, target, type, data) VALUES ($1, $2, 'plan.applied', $3)`, [
        ...key,
        jsonb({ version, revision: application.gitRevision, author: application.author }),
      ]);
    }
    await client.query(
      `UPDATE applied_jobs SET problem = ($3::jsonb)->>job
       WHERE project = $1 AND target = $2 AND problem IS DISTINCT FROM ($3::jsonb)->>job`,
      [...key, jsonb(problems)],
    );
    return version;
  });
}

/** Runs of a tag or connection that may go on at a time, by `tag:NAME` and `connection:NAME`. */
export async function appliedLimits(db: Database, { project, target }: TargetKey): Promise<Record<string, number>> {
  const { rows } = await db.query(LIMITS, [project, target]);
  return (rows[0]?.limits as Record<string, number> | undefined) ?? {};
}

/** A job as it is kept: its name, what it is, and where it stands. */
type Known = Pick<Job, 'name' | 'hash' | 'file'>;

/** What is applied up to now, which is known where the plan was made of it: nothing was applied since. */
async function appliedBefore(
  client: pg.PoolClient,
  key: readonly string[],
  { before }: Application,
): Promise<readonly Known[]> {
  if (before) return before;
  const { rows } = await client.query(
    'SELECT job AS name, job_hash AS hash, file FROM applied_jobs WHERE project = $1 AND target = $2',
    [...key],
  );
  return rows as Known[];
}

function changesOf(before: readonly Known[], jobs: readonly Job[]): AppliedChanges {
  const left = new Map(before.map((job) => [job.name, job]));
  const changed = jobs.filter(({ name, hash, file }) => {
    const old = left.get(name);
    left.delete(name);
    return old?.hash !== hash || old.file !== file;
  });
  return { changed, gone: [...left.keys()] };
}

/** The history tells what a plan changed: of ten thousand jobs that stay as they are it says nothing. */
function withChanges(plan: Plan): Plan {
  return { ...plan, changes: plan.changes.filter(({ action }) => action !== 'none') };
}

/** Some jobs at a time: the server ends a transaction that waits for long while the texts of all of them are made. */
async function writeJobs(client: pg.PoolClient, place: readonly unknown[], jobs: readonly Job[]): Promise<void> {
  await client.query(
    `INSERT INTO applied_jobs (project, target, job, file, job_hash, definition, enabled, schedule, version)
     SELECT $1, $2, d.job, d.file, d.hash, d.definition::json, d.enabled, d.schedule::json, $3
     FROM unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::boolean[], $9::text[])
       AS d (job, file, hash, definition, enabled, schedule)
     ON CONFLICT (project, target, job) DO UPDATE
     SET file = excluded.file, job_hash = excluded.job_hash, definition = excluded.definition, enabled = excluded.enabled,
       schedule = excluded.schedule, version = excluded.version`,
    [
      ...place,
      jobs.map((job) => job.name),
      jobs.map((job) => job.file),
      jobs.map((job) => job.hash),
      jobs.map((job) => JSON.stringify(job)),
      jobs.map((job) => job.enabled),
      jobs.map((job) => JSON.stringify(job.schedule)),
    ],
  );
}

/** The git revision of the plan that was applied last; null: none was, or it came from no repository. */
export async function appliedRevision(db: Database, { project, target }: TargetKey): Promise<string | null> {
  const { rows } = await db.query(
    'SELECT git_revision FROM applied_plans WHERE project = $1 AND target = $2 ORDER BY version DESC LIMIT 1',
    [project, target],
  );
  return (rows[0]?.git_revision as string | undefined) ?? null;
}

function stale(plan: Plan): SluiceError {
  return new SluiceError('plan/stale', 'config', `Another plan was applied to ${plan.target} since this one was made`, {
    hint: 'Make a new plan and read it: `sluice plan`.',
  });
}

/** What is applied, by name, each job with its last run. */
export async function appliedJobs(db: Database, { project, target }: TargetKey): Promise<AppliedJob[]> {
  const { rows } = await db.query(
    `SELECT a.definition, a.version, a.problem, r.id, r.state, r.created_at
     FROM applied_jobs a LEFT JOIN LATERAL (
       SELECT id, state, created_at FROM runs WHERE project = a.project AND target = a.target AND job = a.job
       ORDER BY created_at DESC LIMIT 1
     ) r ON true
     WHERE a.project = $1 AND a.target = $2 ORDER BY a.job`,
    [project, target],
  );
  return rows.map(({ definition, version, problem, id, state, created_at }) => ({
    job: definition as Job,
    version,
    problem,
    last_run: id === null ? null : { id, state, created_at: (created_at as Date).toISOString() },
  }));
}
