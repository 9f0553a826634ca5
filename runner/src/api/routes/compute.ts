import { type Compute, computePresets, isJsonObject, type JsonObject, parseDocument, setInto } from '@sluice/core';
import type { ApiContext } from '../context.ts';
import { JOB, jobFor, viewOf } from '../job-view.ts';
import { compiled, withDocument } from '../jobs-in.ts';
import { Problem } from '../problems.ts';
import { replaceFile, requireWritable } from '../project-files.ts';
import type { ApiRoute, Call } from '../route.ts';
import { answer, flag, input, JOB_PARAMS, list, object, text, whole } from '../schemas.ts';
import { pending, requireIdle } from './jobs.ts';

const PRESETS = new Map(computePresets().map((preset) => [preset.name, preset]));

/** Fields of the origin that say what is so anyway, or what one machine has not. */
const IDLE = {
  cluster_mode: 'one machine runs a job',
  instance_type: 'one machine runs a job',
  photon_enabled: 'the engine always works on vectors',
  adaptive_query_execution: 'it is always so',
  dynamic_partition_pruning: 'it is always so',
  cbo_enabled: 'it is always so',
} as const;

const WORKERS = { type: 'integer', minimum: 1, maximum: 1000 };
const FIELDS = {
  preset: {
    type: 'string',
    enum: [...PRESETS.keys()],
    description: 'Takes away own workers and memory that are not named beside it.',
  },
  min_workers: WORKERS,
  max_workers: WORKERS,
  autoscaling_enabled: flag('false: as many workers as `max_workers` all the time.'),
  memory: { type: 'string', maxLength: 20, description: 'Of the whole run: `2GB`, `512MiB`.' },
  ...Object.fromEntries(Object.keys(IDLE).map((key) => [key, { description: 'Has no effect; named in `warnings`.' }])),
};

interface Wanted extends Record<string, unknown> {
  preset?: string;
  min_workers?: number;
  max_workers?: number;
  autoscaling_enabled?: boolean;
  memory?: string;
}

const UPDATED = object({
  job: JOB,
  file: text(),
  yaml: text('What the file holds now.'),
  warnings: list(text(), 'Fields that have no effect.'),
});

const PRESET = object({
  name: text(),
  description: text(),
  memory_bytes: whole(),
  compute_config: object({ preset: text(), min_workers: whole(), max_workers: whole(), autoscaling_enabled: flag() }),
});

/** Presets, and changing what a job may use. */
export function computeRoutes(context: ApiContext): ApiRoute[] {
  return [
    {
      ...{ method: 'GET', path: '/jobs/compute/presets', role: 'viewer', tag: 'Compute', operation: 'listPresets' },
      summary: 'Compute presets',
      answers: {
        200: answer('Each preset; a machine with less cuts it when a run starts.', object({ presets: list(PRESET) })),
      },
      handle: () => ({
        presets: [...PRESETS.values()].map(({ name, workers, memory, text: description }) => ({
          ...{ name, description, memory_bytes: memory },
          compute_config: configOf({ preset: name, workers }),
        })),
      }),
    },
    {
      ...{ method: 'PATCH', path: '/jobs/:id/compute', role: 'editor', audit: 'job.compute', tag: 'Compute' },
      operation: 'updateCompute',
      summary: 'Change workers and memory of a job',
      description: 'Edits its file in place, comments and order kept. 409 while it runs.',
      params: JOB_PARAMS,
      body: input({ ...FIELDS, compute_config: { ...input(FIELDS), description: 'The same, one level deeper.' } }),
      answers: { 200: answer('The job, and its file.', UPDATED) },
      handle: (call) => context.door.writing(() => update(context, call)),
    },
  ];
}

function configOf({ preset, workers }: Pick<Compute, 'preset' | 'workers'>): object {
  const { min, max } = workers;
  return { preset, min_workers: min, max_workers: max, autoscaling_enabled: min < max };
}

async function update(context: ApiContext, call: Call<{ id: string }, object, Wanted>): Promise<object> {
  const { store, door } = context;
  const row = await jobFor(context, call, 'edit');
  call.audited({ subject: row.job });
  await requireIdle(context, row);
  const { compute_config, ...own } = call.body;
  const wanted: Wanted = { ...own, ...(isJsonObject(compute_config as JsonObject) ? (compute_config as Wanted) : {}) };
  const project = await door.load();
  const document = project.jobs.get(row.file);
  if (!document) throw new Problem(409, 'job/changed', `${row.file} is not there any more`);
  const yaml = setInto(document, { compute: changeOf(wanted, row.definition.compute) });
  if (yaml === null) throw new Problem(409, 'job/changed', `${row.file} is no mapping`);
  const changed = parseDocument(yaml, row.file);
  const { job } = compiled(withDocument(project, changed), changed);
  await requireWritable(door, row.file, yaml);
  await replaceFile(door, row.file, { from: document.text, to: yaml });
  await door.reconcile(call.who.name, row.file);
  const now = await store.jobs.find(door.key, row.job);
  if (now?.definition.hash !== job.hash) throw pending(row.file);
  return { job: viewOf(now), file: row.file, yaml, warnings: warningsOf(wanted) };
}

/** What is set in `compute` of the file; null takes a key away. */
function changeOf(wanted: Wanted, now: Compute): JsonObject {
  const { preset, memory } = wanted;
  const base = preset === undefined ? now.workers : (PRESETS.get(preset)?.workers ?? now.workers);
  const max = wanted.max_workers ?? Math.max(base.max, wanted.min_workers ?? base.max);
  const min = wanted.autoscaling_enabled === false ? max : (wanted.min_workers ?? Math.min(base.min, max));
  if (min > max) {
    throw new Problem(422, 'api/request', `min_workers (${min}) is more than max_workers (${max})`);
  }
  const isSaid = ['min_workers', 'max_workers', 'autoscaling_enabled'].some((key) => wanted[key] !== undefined);
  const isPreset = preset !== undefined && min === base.min && max === base.max;
  const workers: JsonObject = isPreset ? { workers: null } : isSaid ? { workers: { min, max } } : {};
  return {
    ...(preset === undefined ? {} : { preset }),
    ...workers,
    ...(memory !== undefined ? { memory } : preset === undefined ? {} : { memory: null }),
  };
}

function warningsOf(wanted: Wanted): string[] {
  return Object.entries(IDLE).flatMap(([key, why]) => (wanted[key] === undefined ? [] : [`${key}: no effect: ${why}`]));
}
