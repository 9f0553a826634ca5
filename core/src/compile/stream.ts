import { jobSchema } from '../check/job-schema.ts';
import { plainOf } from '../check/plain.ts';
import { textsOf, variantOf } from '../check/scope.ts';
import { type JobView, type StreamView, tablePatternOf } from '../check/view.ts';
import type {
  CheckStep,
  ColumnRule,
  ComponentUse,
  ContractMode,
  DestinationUse,
  Incremental,
  MaxRejected,
  Metadata,
  OnFailure,
  Step,
  Stream,
  WriteDisposition,
} from '../model/job.ts';
import type { JsonObject } from '../model/json.ts';
import { isTablePattern } from '../model/table-pattern.ts';
import { parseType } from '../model/type.ts';
import { parseDuration } from '../model/units.ts';
import type { Schema } from '../spec/schema.ts';
import * as specs from '../specs.ts';
import { child, itemsOf, type Node, textOf } from '../text/node.ts';
import { withDefaults } from './settings.ts';

const SOURCE_KEYS: ReadonlySet<string> = new Set(['type', 'connection', 'format', 'on_no_data']);
const DESTINATION_KEYS: ReadonlySet<string> = new Set([
  'type',
  'connection',
  'schema',
  'table',
  'write_disposition',
  'primary_key',
  'schema_contract',
  'deletes',
  'naming',
]);

/** One stream of a job without findings, as the engine takes it. */
export function streamOf(view: JobView, stream: StreamView): Stream {
  const { node } = stream;
  const destination = destinationOf(view, stream);
  const { yields, files } = specs.sources[textOf(node, 'source', 'type') ?? '']?.capabilities ?? {};
  const isFiles = yields === 'bytes' && files !== false;
  const format = formatOf(child(node, 'source', 'format'));
  const checks = checksOf(node);
  const contract = {
    columns: (textOf(node, 'destination', 'schema_contract', 'columns') ?? 'evolve') as ContractMode,
    data_type: (textOf(node, 'destination', 'schema_contract', 'data_type') ?? 'freeze') as ContractMode,
  };
  const onBadRow = typeof format?.settings.on_bad_row === 'string' ? (format.settings.on_bad_row as OnFailure) : 'fail';
  const mayReject = [...checks.map((check) => check.on_failure), onBadRow, ...Object.values(contract)].some(rejects);
  const columns = itemsOf(node, 'columns').map(columnOf);
  const key = textOf(view.scope.root, 'masking', 'key');
  const hashes = columns.some((column) => column.mask === 'hash');
  return {
    name: stream.name,
    enabled: stream.enabled,
    source: useOf(view, 'source', child(node, 'source'), SOURCE_KEYS),
    format,
    columns,
    transform: itemsOf(node, 'transform').flatMap((item) => stepOf(item, specs.transforms) ?? []),
    checks,
    incremental: incrementalOf(view, child(node, 'incremental'), isFiles, destination.write_disposition),
    destination,
    schema_contract: contract,
    limits: { max_rejected: maxRejectedOf(view, mayReject) },
    on_bad_row: onBadRow,
    on_no_data: (textOf(node, 'source', 'on_no_data') ?? 'succeed') as Stream['on_no_data'],
    ...(hashes && key !== undefined ? { masking_key: key } : {}),
    ...patternOf(view, stream),
  };
}

/** A table that is a pattern, with the tables of its source that other entries of the job name. */
function patternOf(view: JobView, stream: StreamView): Pick<Stream, 'tables'> {
  const pattern = tablePatternOf(stream.node);
  if (pattern === null) return {};
  const system = (node: Node) => JSON.stringify([textOf(node, 'source', 'type'), textOf(node, 'source', 'connection')]);
  const taken = view.streams.flatMap((other) => {
    const table = textOf(other.node, 'source', 'table');
    return table === undefined || isTablePattern(table) || system(other.node) !== system(stream.node) ? [] : [table];
  });
  return { tables: { pattern, exclude: textsOf(stream.node, 'exclude'), taken } };
}

function rejects(mode: OnFailure | ContractMode): boolean {
  return mode === 'discard' || mode === 'quarantine' || mode === 'discard_row';
}

function useOf(
  view: JobView,
  key: 'source' | 'destination',
  node: Node | undefined,
  common: ReadonlySet<string>,
): ComponentUse {
  const type = textOf(node, 'type') ?? 'duckdb';
  const connection = textOf(node, 'connection') ?? null;
  const from = connection === null ? undefined : view.scope.connections.get(connection)?.node;
  const own = { ...(plainOf(from ?? null) as JsonObject | null), ...(plainOf(node) as JsonObject | null) };
  const settings = Object.fromEntries(Object.entries(own).filter(([name]) => !common.has(name)));
  const filled = withDefaults(settings, variantOf(jobSchema.properties?.[key], type) ?? {}) as JsonObject;
  for (const name of common) delete filled[name];
  return { type, connection, settings: filled };
}

function formatOf(node: Node | undefined): ComponentUse | null {
  const type = textOf(node, 'type');
  if (!node || type === undefined) return null;
  const { type: _, ...own } = plainOf(node) as JsonObject;
  return { type, connection: null, settings: withDefaults(own, formatSchema(type)) as JsonObject };
}

function formatSchema(type: string): Schema {
  const sources = Object.values(jobSchema.properties?.source?.['x-union']?.of ?? {});
  const union = sources.map((source) => source.properties?.format).find((format) => format !== undefined);
  return variantOf(union, type) ?? {};
}

function destinationOf(view: JobView, stream: StreamView): DestinationUse {
  const node = child(stream.node, 'destination');
  const named = textsOf(node, 'primary_key');
  const marked = itemsOf(stream.node, 'columns').flatMap((column) =>
    textOf(column, 'primary_key') === 'true' ? (textOf(column, 'name') ?? []) : [],
  );
  return {
    ...useOf(view, 'destination', node, DESTINATION_KEYS),
    schema: textOf(node, 'schema') ?? null,
    table: textOf(node, 'table') ?? stream.name,
    write_disposition: (textOf(node, 'write_disposition') ?? 'append') as WriteDisposition,
    primary_key: named.length > 0 ? named : marked,
    deletes: deletesOf(child(node, 'deletes')),
    naming: textOf(node, 'naming') === 'snake_case' ? 'snake_case' : 'as_is',
  };
}

function deletesOf(node: Node | undefined): DestinationUse['deletes'] {
  const when = textOf(node, 'when');
  return when === undefined ? null : { when, mode: textOf(node, 'mode') === 'soft' ? 'soft' : 'hard' };
}

function columnOf(node: Node): ColumnRule {
  const name = textOf(node, 'name') ?? '';
  const metadata = (textOf(node, 'metadata') ?? null) as Metadata | null;
  const derived = textOf(node, 'derived') === 'true';
  return {
    name,
    from: metadata !== null || derived ? null : (textOf(node, 'from') ?? name),
    type: parseType(textOf(node, 'type') ?? ''),
    format: textOf(node, 'format') ?? null,
    decimal: textOf(node, 'decimal') ?? null,
    thousands: textOf(node, 'thousands') ?? null,
    scale: numberOf(node, 'scale'),
    nullable: textOf(node, 'nullable') !== 'false',
    primary_key: textOf(node, 'primary_key') === 'true',
    mask: (textOf(node, 'mask') ?? null) as ColumnRule['mask'],
    metadata,
    derived,
  };
}

function stepOf(item: Node, of: typeof specs.transforms): Step | null {
  const entry = item.kind === 'map' ? item.entries[0] : undefined;
  const spec = entry && Object.hasOwn(of, entry.key.source) ? of[entry.key.source] : undefined;
  if (!entry || !spec) return null;
  return {
    type: entry.key.source,
    settings: withDefaults(plainOf(entry.value) ?? {}, spec.settings as Schema) as JsonObject,
  };
}

function checksOf(node: MapOrNode): CheckStep[] {
  const ofColumns = itemsOf(node, 'columns').flatMap((column) =>
    itemsOf(column, 'checks').map((item): [Node, string | null] => [item, textOf(column, 'name') ?? null]),
  );
  const ofJob = itemsOf(node, 'checks').map((item): [Node, string | null] => [item, null]);
  return [...ofColumns, ...ofJob].flatMap(([item, column]) => {
    const step = stepOf(item, specs.checks);
    if (!step) return [];
    const { on_failure, ...settings } = step.settings;
    return { type: step.type, settings, column, on_failure: (on_failure ?? 'fail') as OnFailure };
  });
}

type MapOrNode = Node | undefined;

function incrementalOf(
  view: JobView,
  node: Node | undefined,
  isFiles: boolean,
  disposition: WriteDisposition,
): Incremental {
  const type = textOf(node, 'type') ?? (isFiles && disposition !== 'replace' ? 'files' : 'none');
  if (type === 'files') {
    const onChange = textOf(node, 'on_change') ?? (disposition === 'merge' ? 'reload' : 'fail');
    return { type, on_change: onChange as 'reload' | 'ignore' | 'fail' };
  }
  if (type === 'window') {
    return {
      type,
      column: textOf(node, 'column') ?? '',
      every: (textOf(node, 'every') ?? 'day') as 'hour' | 'day' | 'week' | 'month',
      lookback: Number(textOf(node, 'lookback') ?? 0),
      timezone: textOf(view.job, 'schedule', 'timezone') ?? 'UTC',
    };
  }
  if (type !== 'cursor') return { type: 'none' };
  return {
    type,
    column: textOf(node, 'column') ?? '',
    initial_value: textOf(node, 'initial_value') ?? null,
    lookback_ms: parseDuration(textOf(node, 'lookback') ?? '0s') ?? 0,
  };
}

/** The job's own over the defaults' over the project's; wherever rows may be set aside there is a limit. */
function maxRejectedOf(view: JobView, mayReject: boolean): MaxRejected | null {
  const node = child(view.job, 'limits', 'max_rejected') ?? child(view.scope.limits, 'max_rejected');
  if (!node) return mayReject ? { rows: null, ratio: 0.05 } : null;
  return { rows: numberOf(node, 'rows'), ratio: numberOf(node, 'ratio') };
}

function numberOf(node: Node, key: string): number | null {
  const found = child(node, key);
  return found?.kind === 'scalar' && typeof found.value === 'number' ? found.value : null;
}
