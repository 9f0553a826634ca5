import { hashJson } from '../compile/canonical.ts';
import { streamAddress } from '../model/address.ts';
import type { Job, Stream } from '../model/job.ts';
import type { Json, JsonObject } from '../model/json.ts';
import { kept } from './effect.ts';
import { afterLoadEffects, firesText, jobEffects, streamEffects } from './effects.ts';
import { fieldChanges, type Shown } from './fields.ts';
import { withoutSecrets } from './hide.ts';
import { limitChanges } from './limits.ts';
import { tableName } from './table-effects.ts';
import type { ActualSet, Change, DesiredSet, Effect, FieldChange, Plan } from './types.ts';

/**
 * What has to change so that what is applied equals what the files ask for. `now` (milliseconds) is where the next fires are
 * counted from; it is not part of the hash. Pure: nothing is read or written, and nothing is thrown.
 */
export function diff(desired: DesiredSet, actual: ActualSet, now: number): Plan {
  const matched = match(desired, actual);
  const limits = desired.limits ?? actual.limits ?? {};
  const changes = [
    ...matched.pairs.flatMap(([old, job]) => (old ? updateOf(old, job, now) : createOf(job, now))),
    ...matched.held.flatMap(({ job, reason }) => [none(job.name, job.file, reason)]),
    ...matched.gone.flatMap(deleteOf),
    ...limitChanges(limits, actual.limits ?? {}),
  ];
  return {
    project: desired.project,
    target: desired.target,
    version: actual.version,
    hash: planHash(desired, actual),
    limits,
    changes: changes.sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0)),
    problems: [...desired.problems],
    warnings: likelyRenames(matched),
  };
}

/** Whether applying the plan would change nothing. */
export function isEmpty(plan: Pick<Plan, 'changes'>): boolean {
  return plan.changes.every(({ action }) => action === 'none');
}

/** The effects of a plan that applying the old files again does not take back. */
export function destructiveEffects(plan: Plan): { address: string; message: string }[] {
  return plan.changes.flatMap(({ address, effects }) =>
    effects.filter(({ destructive }) => destructive).map(({ message }) => ({ address, message })),
  );
}

/** The jobs that are applied once the plan is: those that are desired, and those that a broken file holds. */
export function applied(desired: DesiredSet, actual: ActualSet): Job[] {
  const { pairs, held } = match(desired, actual);
  return [...pairs.map(([, job]) => job), ...held.map(({ job }) => job)];
}

function planHash({ project, target, jobs, problems, limits }: DesiredSet, actual: ActualSet): string {
  const wanted = sortedByText(jobs.map((job) => [job.name, job.file, job.hash]));
  const broken = sortedByText(problems.map(({ file, names }) => [file, ...names]));
  return hashJson({ project, target, version: actual.version, wanted, broken, limits: limits ?? null } as JsonObject);
}

function sortedByText(lists: string[][]): Json[] {
  const texts = new Map(lists.map((list) => [JSON.stringify(list), list]));
  return [...texts.keys()].sort().flatMap((text) => [texts.get(text) ?? []]);
}

interface Matched {
  /** A job that is desired beside the one that it was; null: it is new. */
  pairs: [Job | null, Job][];
  /** Jobs that are not desired and stay, since a broken file may still mean them. */
  held: { job: Job; reason: string }[];
  gone: Job[];
}

function match(desired: DesiredSet, actual: ActualSet): Matched {
  const left = new Map(actual.jobs.map((job) => [job.name, job]));
  const wanted = new Set(desired.jobs.map((job) => job.name));
  const take = (name: string): Job | null => {
    const found = left.get(name) ?? null;
    left.delete(name);
    return found;
  };
  const same = desired.jobs.map((job): [Job | null, Job] => [take(job.name), job]);
  const pairs = same.map(([old, job]): [Job | null, Job] => {
    const from = old ? undefined : job.renamed_from.find((name) => left.has(name) && !wanted.has(name));
    return [from === undefined ? old : take(from), job];
  });
  const rest = [...left.values()];
  const known = new Set(rest.map((job) => job.file));
  // A broken file whose name cannot be told and that nothing came from: any of the missing jobs may have moved into it.
  const unknown = desired.problems.find(({ file, names }) => names.length === 0 && !known.has(file));
  const held: Matched['held'] = [];
  const gone: Job[] = [];
  for (const job of rest) {
    const own = desired.problems.find(({ file, names }) => file === job.file || names.includes(job.name));
    if (own) held.push({ job, reason: `${own.file} has errors: the last good version stays` });
    else if (unknown)
      held.push({ job, reason: `not deleted while ${unknown.file} cannot be read: it may be this job` });
    else gone.push(job);
  }
  return { pairs, held, gone };
}

function createOf(job: Job, now: number): Change[] {
  const streams = job.streams.filter((stream) => stream.name !== job.name);
  const own: Effect[] = [kept('schedule', `next fires: ${firesText(job, now)}`)];
  const first = kept('load', 'the first run loads everything');
  if (streams.length < job.streams.length) own.push(first);
  const change = (address: string, effects: Effect[]): Change => {
    return { address, action: 'create', file: job.file, fields: [], effects, reason: `${job.file} is new` };
  };
  const made = job.streams.find((stream) => stream.name === job.name);
  if (made) own.push(...fills(made));
  return [change(job.name, own), ...streams.map((stream) => change(addressOf(job, stream), [first, ...fills(stream)]))];
}

/** Which table a stream fills that comes, and what it does at its source. */
function fills(stream: Stream): Effect[] {
  const { destination, tables } = stream;
  const text = tables
    ? `fills a table for each one that matches ${tables.pattern}`
    : `fills ${tableName(destination)} (${destination.write_disposition}), made where it is not there`;
  return [kept('table', text), ...afterLoadEffects(null, stream)];
}

function deleteOf(job: Job): Change[] {
  const streams = job.streams.filter((stream) => stream.name !== job.name);
  const stays = kept('load', 'runs no more; its table and checkpoint stay');
  const change = (address: string): Change => {
    const reason = `no file declares the job ${job.name} any more`;
    return { address, action: 'delete', file: job.file, fields: [], effects: [stays], reason };
  };
  return [change(job.name), ...streams.map((stream) => change(addressOf(job, stream)))];
}

/** Jobs that are as they were, which are most, are not looked into. */
function unchanged(job: Job): Change[] {
  const same = (address: string): Change => none(address, job.file, 'nothing changed');
  const streams = job.streams.filter((stream) => stream.name !== job.name);
  return [same(job.name), ...streams.map((stream) => same(addressOf(job, stream)))];
}

function updateOf(old: Job, job: Job, now: number): Change[] {
  if (old.hash === job.hash && old.file === job.file && old.name === job.name) return unchanged(job);
  const [shownOld, shown] = [withoutSecrets(old), withoutSecrets(job)];
  const own = jobChange(old, job, { old: shownOld, now: shown }, now);
  const changes: Change[] = [];
  for (const [i, stream] of job.streams.entries()) {
    const before = old.streams.find((other) => streamName(old, other) === streamName(job, stream));
    const change = streamChange(job, before, stream);
    if (before) {
      const visible = shownOld.streams[old.streams.indexOf(before)];
      change.fields = streamFields([old, before, visible], [job, stream, shown.streams[i]]);
      change.effects = change.fields.length > 0 ? streamEffects(before, stream) : [];
      if (change.fields.length > 0) Object.assign(change, { action: 'update', reason: `${job.file} changed` });
    }
    changes.push(change);
  }
  for (const stream of old.streams) {
    if (job.streams.some((other) => streamName(job, other) === streamName(old, stream))) continue;
    changes.push({
      ...none(addressOf(job, stream), job.file, `${job.file} has no stream ${stream.name} any more`),
      action: 'delete',
      effects: [kept('load', 'loaded no more; its table and checkpoint stay')],
    });
  }
  return joined(own, changes);
}

/** A stream that is named after its job has the job's address. */
function joined(own: Change, streams: readonly Change[]): Change[] {
  const same = streams.filter(({ address }) => address === own.address);
  const fields = [...own.fields, ...same.flatMap((change) => change.fields)];
  const effects = [...own.effects, ...same.flatMap((change) => change.effects)];
  const touched = same.find(({ action }) => action !== 'none');
  const change = own.action === 'none' && touched ? { ...own, action: 'update' as const, reason: touched.reason } : own;
  return [{ ...change, fields, effects }, ...streams.filter(({ address }) => address !== own.address)];
}

function jobChange(old: Job, job: Job, shown: { old: Job; now: Job }, now: number): Change {
  const fields = fieldChanges(
    shownOf(jobFields(old), jobFields(shown.old)),
    shownOf(jobFields(job), jobFields(shown.now)),
  );
  const order = [old, job].map((one) => one.streams.map((stream) => streamName(one, stream)));
  const moved =
    order[0]?.length === order[1]?.length &&
    [...(order[0] ?? [])].sort().join() === [...(order[1] ?? [])].sort().join();
  if (moved && order[0]?.join() !== order[1]?.join())
    fields.push({ path: 'streams', old: order[0] ?? [], new: order[1] ?? [] });
  if (fields.length === 0) return none(job.name, job.file, 'nothing changed');
  const effects = jobEffects(old, job, now);
  const renamed = old.name !== job.name;
  if (renamed)
    effects.unshift(
      kept(
        'load',
        `renamed from ${old.name}: the next run carries its checkpoint over; earlier runs stay under the old name`,
      ),
    );
  const reason = renamed ? `renamed_from in ${job.file} names ${old.name}` : `${job.file} changed`;
  const change: Change = { address: job.name, action: 'update', file: job.file, fields, effects, reason };
  return renamed ? { ...change, renamed_from: old.name } : change;
}

function streamChange(job: Job, before: Stream | undefined, stream: Stream): Change {
  const address = addressOf(job, stream);
  if (before) return none(address, job.file, 'nothing changed');
  const reason = `${job.file} has a new stream ${stream.name}`;
  return {
    ...none(address, job.file, reason),
    action: 'create',
    effects: [kept('load', 'its first run loads everything'), ...fills(stream)],
  };
}

type StreamOf = [job: Job, stream: Stream, shown: Stream | undefined];

function streamFields(old: StreamOf, now: StreamOf): FieldChange[] {
  const [before, after] = [old, now].map(([job, stream, shown]) => {
    return shownOf(fieldsOf(job, stream), fieldsOf(job, shown ?? stream));
  });
  return before && after ? fieldChanges(before, after) : [];
}

/** The name of a stream that is its job's follows it; `enabled` of the job and of its stream are two things. */
function fieldsOf(job: Job, { enabled, name, ...rest }: Stream): JsonObject {
  const own = name === job.name ? { stream_enabled: enabled } : { enabled };
  return { ...rest, ...own } as unknown as JsonObject;
}

function jobFields({ streams: _, hash: __, ...rest }: Job): JsonObject {
  return rest as unknown as JsonObject;
}

function shownOf(value: JsonObject, shown: JsonObject): Shown {
  return { value, shown };
}

/** '' for the stream that is named after its job, so that it stays the same one when the job is renamed. */
function streamName(job: Job, stream: Stream): string {
  return stream.name === job.name ? '' : stream.name;
}

function addressOf(job: Job, stream: Stream): string {
  return streamAddress(job.name, stream.name);
}

function none(address: string, file: string, reason: string): Change {
  return { address, action: 'none', file, fields: [], effects: [], reason };
}

/** A job that goes while one comes that loads the same: most likely renamed, which only the user can tell. */
function likelyRenames({ pairs, gone }: Matched): string[] {
  const key = (job: Job) =>
    hashJson(job.streams.map(({ source, incremental }) => ({ source, incremental })) as unknown as Json);
  const left = new Map(gone.map((job) => [key(job), job]));
  return pairs.flatMap(([old, job]) => {
    const like = old ? undefined : left.get(key(job));
    if (!like) return [];
    return [
      `${job.name} loads what ${like.name} loaded: if it is the same job, write \`renamed_from: [${like.name}]\` in ${job.file}; without it everything is loaded again`,
    ];
  });
}
