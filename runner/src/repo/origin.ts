import { isJsonObject, type Json, type JsonObject, parseCron } from '@sluice/core';
import { formats, type Spec, sources } from '@sluice/core/specs';

/** A job file made of another system's description, with what did not come along. */
export interface Imported {
  name: string;
  value: JsonObject;
  /** One sentence for each field that is not taken over, or not as it was, with its path. */
  warnings: string[];
}

/** Words of the origin for systems. */
const TYPES: Readonly<Record<string, string>> = {
  'google drive': 'gdrive',
  google_drive: 'gdrive',
  googledrive: 'gdrive',
  https: 'http',
  file: 'local',
  filesystem: 'local',
  postgresql: 'postgres',
  mssql: 'sqlserver',
  mariadb: 'mysql',
};

/** What the origin's server adds to an answer: it says nothing about the job. */
const SERVER_FIELDS: ReadonlySet<string> = new Set([
  ...['job_id', 'id', 'status', 'created_at', 'updated_at', 'created_by', 'last_run', 'next_run', 'last_execution'],
  ...['metrics', 'statistics', 'executions', 'run_count', 'success_count', 'failure_count'],
]);

/** No secrets of their own, and half of one: whoever sends both wants neither in a file. */
const ACCOUNT_KEYS: ReadonlySet<string> = new Set(['access_key_id']);

/** Fields that switch on what happens anyway. */
const GIVEN = 'it is always so';

/** Gives the reference that stands in the file for a secret, and what has to be said of it. */
export type KeepSecret = (secret: { job: string; key: string; value: string }) => {
  reference: string;
  warning: string | null;
};

/** The value is not taken over: whoever imports the job sets a variable. */
const toEnvironment: KeepSecret = ({ job, key }) => {
  const variable = `${job}_${key}`.toUpperCase();
  return { reference: `\${env:${variable}}`, warning: `a secret does not stand in a file: set ${variable}` };
};

/**
 * The origin's job, as its API takes or gives it, in the job language. Secrets become references; `keep` says which. null: the value is
 * no job.
 */
export function importJob(value: Json, keep: KeepSecret = toEnvironment): Imported | null {
  if (!isJsonObject(value) || typeof value.job_name !== 'string') return null;
  const warnings: string[] = [];
  const name = plainName(value.job_name);
  if (name !== value.job_name) warnings.push(`job_name: ${JSON.stringify(value.job_name)} becomes ${name}`);
  const take = new Taker(value, '', warnings, SERVER_FIELDS);
  take.text('job_name');
  const description = take.text('description') ?? value.job_name;
  const tags = take.texts('tags');
  const source = sourceOf(name, take, keep);
  const processing = take.object('processing_config');
  const format = formatOf(processing);
  if (format !== null) source.format = format;
  const isIncremental = processing.boolean('checkpoint_enabled') ?? true;
  const mode = processing.text('mode');
  if (mode !== null && mode !== 'batch') processing.warn('mode', `${mode} is not built yet: the job runs in batches`);
  processing.drop('batch_size', 'the engine reads as it can');
  processing.rest();
  const compute = computeOf(take.object('compute_config'));
  const { schedule, retries } = scheduleOf(take.object('schedule_config'));
  const destination: JsonObject = { type: 'duckdb' };
  const [schema, table] = [take.text('destination_schema'), take.text('destination_table')];
  if (schema !== null) destination.schema = schema;
  if (table !== null) destination.table = table;
  take.rest();
  return {
    name,
    value: {
      name,
      description,
      ...(tags.length > 0 ? { tags } : {}),
      source,
      ...(isIncremental ? {} : { incremental: { type: 'none' } }),
      destination,
      ...(compute ? { compute } : {}),
      ...(schedule ? { schedule } : {}),
      ...(retries ? { retries } : {}),
    },
    warnings,
  };
}

function sourceOf(name: string, take: Taker, keep: KeepSecret): JsonObject {
  const config = take.object('source_config');
  const written = config.text('source_type') ?? 'local';
  const params = config.object('connection_params');
  const type = typeOf(written, params);
  const spec = sources[type];
  if (!spec) config.warn('source_type', `there is no source ${type} yet`);
  const source: JsonObject = { type };
  const prefix = params.text('prefix') ?? '';
  for (const key of params.left()) setting(source, key, { name, spec, params, keep });
  const pattern = config.text('file_pattern');
  const path = typeof source.path === 'string' ? source.path : '';
  if (pattern !== null) source.path = joined(joined(prefix, path), pattern);
  else if (prefix !== '') source.path = joined(prefix, '**');
  if (config.boolean('schema_inference') === false)
    config.warn(
      'schema_inference',
      'types are inferred until `columns` declares them: `sluice infer --write` pins them',
    );
  params.rest();
  config.rest();
  return source;
}

function typeOf(written: string, params: Taker): string {
  const plain = written.toLowerCase();
  if (!['jdbc', 'database', 'db'].includes(plain)) return TYPES[plain] ?? plain;
  const url = String(params.peek('url') ?? params.peek('jdbc_url') ?? '');
  const system = /^(?:jdbc:)?([a-z]+):/i.exec(url)?.[1]?.toLowerCase() ?? String(params.peek('database_type') ?? plain);
  params.drop('database_type', null);
  params.drop('driver', null);
  return TYPES[system] ?? system;
}

/** One setting, under our name for it; a secret as a reference. */
function setting(
  source: JsonObject,
  key: string,
  { name, spec, params, keep }: { name: string; spec: Spec | undefined; params: Taker; keep: KeepSecret },
): void {
  const places = [spec?.connection, spec?.settings];
  const known = places.some((schema) => schema?.properties && Object.hasOwn(schema.properties, key));
  const synonym = places.map((schema) => schema?.['x-synonyms']?.[key]).find((word) => word !== undefined);
  const own = known ? key : (synonym ?? (key === 'jdbc_url' ? 'url' : undefined));
  // Of a system that is not built yet nobody knows the keys: they come along as they are.
  const wanted = own ?? (spec ? undefined : key);
  if (wanted === undefined) return;
  const value = params.take(key);
  if (value === null) return;
  const isSecret = spec
    ? spec.secrets.includes(wanted) || ACCOUNT_KEYS.has(wanted)
    : /secret|password|token|key|credential/i.test(key);
  if (!isSecret || typeof value !== 'string' || value.includes('${')) source[wanted] = value;
  else {
    const { reference, warning } = keep({ job: name, key: wanted, value });
    source[wanted] = reference;
    if (warning !== null) params.warn(key, warning);
  }
}

function formatOf(processing: Taker): string | null {
  const written = processing.text('format')?.toLowerCase() ?? 'auto';
  if (['auto', 'auto-detect', 'detect', ''].includes(written)) return null;
  const type = { txt: 'text', ndjson: 'json', jsonl: 'json', tables: 'auto' }[written] ?? written;
  if (type === 'auto') return null;
  if (!formats[type]) processing.warn('format', `there is no format ${type} yet`);
  return type;
}

function computeOf(compute: Taker): JsonObject | null {
  const [min, max] = [compute.number('min_workers'), compute.number('max_workers')];
  const scales = compute.boolean('autoscaling_enabled') ?? true;
  for (const key of ['cluster_mode', 'instance_type']) compute.drop(key, 'one machine runs a job');
  for (const key of ['photon_enabled', 'adaptive_query_execution', 'dynamic_partition_pruning', 'cbo_enabled'])
    compute.drop(key, GIVEN);
  compute.rest();
  if (min === null && max === null) return null;
  const most = Math.max(min ?? 1, max ?? 1);
  const least = scales ? (min ?? 1) : most;
  return { workers: { min: least, max: most } };
}

function scheduleOf(config: Taker): { schedule: JsonObject | null; retries: JsonObject | null } {
  const cron = config.text('cron_expression');
  const isOn = config.boolean('enabled') ?? true;
  const schedule: JsonObject = {};
  if (cron !== null) {
    schedule.cron = cron;
    if (!parseCron(cron).ok) config.warn('cron_expression', `${cron} is no cron expression here`);
  }
  const timezone = config.text('timezone');
  if (timezone !== null && timezone !== 'UTC') schedule.timezone = timezone;
  for (const [key, own] of [
    ['start_date', 'start'],
    ['end_date', 'end'],
  ] as const) {
    const text = config.text(key);
    if (text !== null) schedule[own] = text;
  }
  const [max, delay] = [config.number('max_retries'), config.number('retry_delay_seconds')];
  const retries: JsonObject = {};
  if (max !== null) retries.max = max;
  if (delay !== null) retries.delay = `${delay}s`;
  if (!isOn && cron !== null) config.warn('enabled', 'the schedule is switched off, so it is left out');
  config.rest();
  return {
    schedule: isOn && cron !== null ? schedule : null,
    retries: Object.keys(retries).length > 0 ? retries : null,
  };
}

/** Takes fields out of an object and tells of those that nobody took. */
class Taker {
  readonly #value: JsonObject;
  readonly #path: string;
  readonly #warnings: string[];
  readonly #silent: ReadonlySet<string>;
  readonly #taken = new Set<string>();

  constructor(value: JsonObject, path: string, warnings: string[], silent: ReadonlySet<string> = new Set()) {
    this.#value = value;
    this.#path = path;
    this.#warnings = warnings;
    this.#silent = silent;
  }

  peek(key: string): Json {
    return Object.hasOwn(this.#value, key) ? (this.#value[key] ?? null) : null;
  }

  take(key: string): Json {
    this.#taken.add(key);
    return this.peek(key);
  }

  text(key: string): string | null {
    return this.#as(key, 'a text', (value) => (typeof value === 'string' ? value : null));
  }

  number(key: string): number | null {
    return this.#as(key, 'a number', (value) => (typeof value === 'number' && Number.isFinite(value) ? value : null));
  }

  boolean(key: string): boolean | null {
    return this.#as(key, 'true or false', (value) => (typeof value === 'boolean' ? value : null));
  }

  texts(key: string): string[] {
    const isList = (value: Json): value is string[] =>
      Array.isArray(value) && value.every((v) => typeof v === 'string');
    return this.#as(key, 'a list of texts', (value) => (isList(value) ? value : null)) ?? [];
  }

  object(key: string): Taker {
    const found = this.#as(key, 'an object', (value) => (isJsonObject(value) ? value : null));
    return new Taker(found ?? {}, `${this.#path}${key}.`, this.#warnings);
  }

  #as<T>(key: string, what: string, read: (value: Json) => T | null): T | null {
    const value = this.take(key);
    const found = value === null ? null : read(value);
    if (value !== null && found === null) this.warn(key, `it is not ${what}`);
    return found;
  }

  /** Leaves a field out; `why` null: nobody misses it. */
  drop(key: string, why: string | null): void {
    if (this.take(key) !== null && why !== null) this.warn(key, `left out: ${why}`);
  }

  warn(key: string, why: string): void {
    this.#warnings.push(`${this.#path}${key}: ${why}`);
  }

  left(): string[] {
    return Object.keys(this.#value).filter((key) => !this.#taken.has(key));
  }

  /** Tells of every field that was not taken. */
  rest(): void {
    for (const key of this.left()) {
      if (!this.#silent.has(key)) this.warn(key, 'left out: there is nothing like it here');
      this.#taken.add(key);
    }
  }
}

function joined(folder: string, path: string): string {
  if (folder === '' || path === '') return folder + path;
  return `${folder.replace(/\/+$/, '')}/${path.replace(/^\/+/, '')}`;
}

function plainName(text: string): string {
  const plain = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .replaceAll(/^[^a-z]+|_+$/g, '')
    .slice(0, 63);
  return plain === '' ? 'job' : plain;
}
