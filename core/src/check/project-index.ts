import * as specs from '../specs.ts';
import { child, textOf } from '../text/node.ts';
import { jobSchema } from './job-schema.ts';
import { plainOf } from './plain.ts';
import { textsOf, variantOf } from './scope.ts';
import { type JobView, type StreamView, tablePatternOf } from './view.ts';

/** What the jobs of a project are to each other. */
export interface ProjectIndex {
  byName: ReadonlyMap<string, readonly JobView[]>;
  /** Streams by the table that they fill. */
  byTable: ReadonlyMap<string, readonly TableUse[]>;
  /** Jobs by a name that they had before. */
  byOldName: ReadonlyMap<string, readonly JobView[]>;
}

/** Brings the jobs of a project together, in the order of their files. */
export function buildIndex(views: readonly JobView[]): ProjectIndex {
  const byName = new Map<string, JobView[]>();
  const byTable = new Map<string, TableUse[]>();
  const byOldName = new Map<string, JobView[]>();
  for (const view of views) {
    if (view.name !== undefined) add(byName, view.name, view);
    const { oldNames, tables } = factsOf(view);
    for (const old of oldNames) add(byOldName, old, view);
    for (const { table, use } of tables) add(byTable, table, use);
  }
  return { byName, byTable, byOldName };
}

/** A stream of a view, without its tree. */
export interface TableUse {
  view: JobView;
  /** Its place among the streams of the view. */
  at: number;
  name: string;
  /** Whether it drops what others wrote there. */
  replaces: boolean;
}

interface Facts {
  oldNames: string[];
  dependsOn: string[];
  tables: { table: string; use: TableUse }[];
}

const known = new WeakMap<JobView, Facts>();

/**
 * What a view brings in, remembered: an editor brings the jobs together at every keystroke, and all but one are as before. What other jobs
 * want to know of one is here, so that its tree may rest.
 */
export function factsOf(view: JobView): Facts {
  let facts = known.get(view);
  if (!facts) {
    const tables = view.streams.flatMap((stream, at) => {
      const table = tableOf(view, stream);
      const replaces = textOf(stream.node, 'destination', 'write_disposition') === 'replace';
      return table === null ? [] : [{ table, use: { view, at, name: stream.name, replaces } }];
    });
    facts = { oldNames: textsOf(view.root, 'renamed_from'), dependsOn: textsOf(view.job, 'depends_on'), tables };
    known.set(view, facts);
  }
  return facts;
}

/**
 * The index of jobs of which a few are no longer what an earlier index took in: that index with these exchanged, so that what it
 * costs follows from what changed and not from the size of the project. `changed`: pairs of an earlier view and the one of now.
 */
export function patchIndex(earlier: ProjectIndex, changed: readonly (readonly [JobView, JobView])[]): ProjectIndex {
  const byName = new Map(earlier.byName);
  const byTable = new Map(earlier.byTable);
  const byOldName = new Map(earlier.byOldName);
  for (const [old, view] of changed) {
    const [was, is] = [factsOf(old), factsOf(view)];
    exchange(byName, old, view, [old.name ?? []].flat(), [view.name ?? []].flat());
    exchange(byOldName, old, view, was.oldNames, is.oldNames);
    exchangeTables(byTable, old, was.tables, is.tables);
  }
  return { byName, byTable, byOldName };
}

function exchange(
  map: Map<string, readonly JobView[]>,
  old: JobView,
  view: JobView,
  was: readonly string[],
  is: readonly string[],
): void {
  for (const key of new Set(was)) remove(map, key, (other) => other === old);
  for (const key of is) insert(map, key, view, (other) => other.document.file);
}

function exchangeTables(
  map: Map<string, readonly TableUse[]>,
  old: JobView,
  was: readonly { table: string }[],
  is: readonly { table: string; use: TableUse }[],
): void {
  for (const { table } of was) remove(map, table, (other) => other.view === old);
  for (const { table, use } of is) insert(map, table, use, (other) => other.view.document.file);
}

function remove<T>(map: Map<string, readonly T[]>, key: string, test: (value: T) => boolean): void {
  const rest = (map.get(key) ?? []).filter((value) => !test(value));
  if (rest.length > 0) map.set(key, rest);
  else map.delete(key);
}

/** Lists are in the order of their files; what comes of one file keeps its order. */
function insert<T>(map: Map<string, readonly T[]>, key: string, value: T, fileOf: (value: T) => string): void {
  const list = map.get(key) ?? [];
  const at = list.findIndex((other) => fileOf(other) > fileOf(value));
  map.set(key, at < 0 ? [...list, value] : [...list.slice(0, at), value, ...list.slice(at)]);
}

function add<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

/** The address of the table or folder that a stream fills, equal for equal ones; null where that is not known. */
function tableOf(view: JobView, stream: StreamView): string | null {
  const destination = child(stream.node, 'destination');
  const type = textOf(destination, 'type') ?? 'duckdb';
  if (isFiles(type)) return folderOf(stream, type);
  const variant = variantOf(jobSchema.properties?.destination, type);
  if (!variant?.properties?.table || stream.name === '' || tablePatternOf(stream.node)) return null;
  const connection = textOf(destination, 'connection');
  const inline = ['path', 'url', 'host', 'port', 'database'].map((key) => textOf(destination, key) ?? '');
  const system = connection === undefined ? inline : plainOf(view.scope.connections.get(connection)?.node ?? null);
  return JSON.stringify([
    type,
    system,
    textOf(destination, 'schema') ?? '',
    textOf(destination, 'table') ?? stream.name,
  ]);
}

/** Whether a destination holds files by path instead of tables. */
export function isFiles(type: string): boolean {
  return Object.hasOwn(specs.destinations, type) && specs.destinations[type]?.capabilities.holds === 'files';
}

function folderOf(stream: StreamView, type: string): string | null {
  const destination = child(stream.node, 'destination');
  const path = textOf(destination, 'path');
  if (path === undefined) return null;
  const connection = textOf(destination, 'connection');
  const system = connection === undefined ? textOf(destination, 'root') : connection;
  return JSON.stringify([type, system ?? '', path.replaceAll('${stream:name}', stream.name).replace(/\/+$/, '')]);
}
