import { type Job, nextFire, type Rights, withoutSecrets } from '@sluice/core';
import type { JobRow, JobSummary } from '../store/jobs.ts';
import { type ApiContext, requireLeave, unknownJob } from './context.ts';
import type { Identity } from './identity.ts';
import type { JsonSchema } from './route.ts';
import { flag, list, map, object, optional, text, time, whole } from './schemas.ts';

export const JOB_STATUS = ['created', 'running', 'completed', 'failed', 'cancelled', 'paused'] as const;
export const RUN_STATUS = ['queued', 'running', 'committing', 'succeeded', 'failed', 'cancelled', 'skipped'] as const;

const SUMMARY: Record<string, JsonSchema> = {
  job_id: { type: 'string', format: 'uuid' },
  job_name: text(),
  description: optional(text()),
  status: { type: 'string', enum: JOB_STATUS, description: '`completed`: its last run succeeded.' },
  tags: list(text()),
  owner: optional(text()),
  enabled: flag(),
  file: text('Its file, from the project folder.'),
  problem: optional(text('Its file has errors: this is its last good version.')),
  created_at: time('When it was applied first.'),
  next_run: optional(time()),
  paused: {
    anyOf: [
      object({
        at: time(),
        until: optional(time('null: until somebody resumes it.')),
        by: optional(text()),
        reason: optional(text()),
      }),
      { type: 'null' },
    ],
  },
  last_execution: {
    anyOf: [
      object({
        execution_id: { type: 'string', format: 'uuid' },
        status: { type: 'string', enum: RUN_STATUS },
        created_at: time(),
        finished_at: optional(time()),
      }),
      { type: 'null' },
    ],
  },
};

export const JOB_SUMMARY = object(SUMMARY);

export const JOB = object({
  ...SUMMARY,
  source_config: object({ source_type: text(), connection: optional(text()) }),
  destination_schema: optional(text()),
  destination_table: text(),
  processing_config: object({ mode: text(), format: optional(text('null: it is found out.')) }),
  compute_config: object({
    preset: text(),
    min_workers: whole(),
    max_workers: whole(),
    autoscaling_enabled: flag(),
    memory_bytes: whole(),
  }),
  schedule_config: {
    anyOf: [
      object({
        ...{ enabled: flag(), cron_expression: text(), timezone: text(), start_date: optional(text()) },
        ...{ end_date: optional(text()), max_retries: whole(), retry_delay_seconds: { type: 'number' } },
        ...{ overlap_policy: text(), catchup: text() },
      }),
      { type: 'null' },
    ],
  },
  definition: map('The compiled job; references are symbols, and what stands in the place of a secret is `***`.'),
});

/** A job that may be seen, or more, by its id or name. Throws 404 and 403. */
export async function jobFor(
  context: ApiContext,
  { params, who }: { params: { id: string }; who: Identity },
  deed: keyof Rights,
): Promise<JobRow> {
  const { store, door } = context;
  const row = await store.jobs.find(door.key, params.id);
  if (row === null) throw unknownJob(params.id);
  await requireLeave(context, who, deed, { name: params.id, file: row.file, tags: row.definition.tags });
  return row;
}

export function summaryOf(row: JobSummary): object {
  const { definition, last_run, pause } = row;
  const next = row.next_due ?? isoOf(nextFire(definition, Date.now()));
  return {
    ...{ job_id: row.id, job_name: row.job, description: definition.description, status: row.status },
    ...{ tags: definition.tags, owner: definition.owner, enabled: definition.enabled },
    ...{ file: row.file, problem: row.problem, created_at: row.first_applied, next_run: next, paused: pause },
    last_execution: last_run && {
      ...{ execution_id: last_run.id, status: last_run.state },
      ...{ created_at: last_run.created_at, finished_at: last_run.finished_at },
    },
  };
}

/** Whether what a list shows of a job stays as it is until somebody changes it; else a pause runs out, or its next fire passes. */
export function isTimeless({ definition, next_due, pause }: JobSummary): boolean {
  if (pause !== null && pause.until !== null) return false;
  return next_due !== null || nextFire(definition, Date.now()) === null;
}

export function viewOf(row: JobRow): object {
  const { definition } = row;
  const [stream] = definition.streams;
  const { preset, workers, memory } = definition.compute;
  return {
    ...summaryOf(row),
    source_config: { source_type: stream?.source.type ?? '', connection: stream?.source.connection ?? null },
    destination_schema: stream?.destination.schema ?? null,
    destination_table: stream?.destination.table ?? '',
    processing_config: { mode: 'batch', format: stream?.format?.type ?? null },
    compute_config: {
      ...{ preset, min_workers: workers.min, max_workers: workers.max },
      ...{ autoscaling_enabled: workers.min < workers.max, memory_bytes: memory },
    },
    schedule_config: scheduleOf(definition),
    definition: withoutSecrets(definition),
  };
}

function scheduleOf({ enabled, schedule, retries }: Job): object | null {
  if (schedule === null) return null;
  const { cron, timezone, start, end, overlap_policy, catchup } = schedule;
  return {
    ...{ enabled, cron_expression: cron, timezone, start_date: start, end_date: end, overlap_policy, catchup },
    ...{ max_retries: retries.max, retry_delay_seconds: retries.delay_ms / 1000 },
  };
}

function isoOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
