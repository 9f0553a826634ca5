import type { DiagnosticCode } from '../model/codes.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import { isTablePattern } from '../model/table-pattern.ts';
import type { Schema } from '../spec/schema.ts';
import * as specs from '../specs.ts';
import {
  child,
  type Document,
  entryOf,
  itemsOf,
  type MapNode,
  type Node,
  pointer,
  type ScalarNode,
  textOf,
} from '../text/node.ts';
import type { Host, Report } from './host.ts';
import { jobSchema } from './job-schema.ts';
import { lay, without } from './lay.ts';
import { putVariables } from './references.ts';
import { reporter } from './report.ts';
import { type Scope, textsOf, variantOf } from './scope.ts';
import { listWords } from './suggest.ts';
import { requireKeys, walk } from './walk.ts';

/** The destination where a job names none. */
const DEFAULT_DESTINATION = 'duckdb';

/** One stream with everything laid under it that it does not say itself. */
export interface StreamView {
  name: string;
  /** The stream's own keys over the job's, over the defaults'. */
  node: MapNode;
  /** What is written for it: its entry of `streams`, or the job. */
  written: MapNode;
  enabled: boolean;
}

/** One job file in one scope: its normal form, what follows from it, and what is wrong with it taken by itself. */
export interface JobView {
  document: Document;
  scope: Scope;
  name: string | undefined;
  /** The file in normal form; null where it is no mapping. */
  root: MapNode | null;
  /** The job without its streams, over the defaults. */
  job: MapNode | null;
  streams: StreamView[];
  diagnostics: Diagnostic[];
  /** Whether `root` and `job` are there. */
  isMapping: boolean;
  /** Lets go of `root`, `job` and `streams` until they are asked for again. */
  rest(): void;
}

const cache = new WeakMap<Document, WeakMap<Scope, JobView>>();

/** The view of a job file; remembered for each parsed document. */
export function viewOf(document: Document, scope: Scope): JobView {
  let views = cache.get(document);
  if (!views) {
    views = new WeakMap();
    cache.set(document, views);
  }
  const known = views.get(scope) ?? new View(document, scope);
  views.set(scope, known);
  return known;
}

/** What is made of the document's tree. */
type Parts = Pick<JobView, 'name' | 'scope' | 'root' | 'job' | 'streams'>;

class View implements JobView {
  readonly document: Document;
  readonly scope: Scope;
  readonly name: string | undefined;
  readonly diagnostics: Diagnostic[];
  readonly isMapping: boolean;
  #parts: Parts | null;

  constructor(document: Document, scope: Scope) {
    this.document = document;
    this.scope = scope;
    this.diagnostics = [...document.diagnostics];
    this.#parts = partsOf(document, scope, reporter(document, this.diagnostics));
    this.name = this.#parts.name;
    this.isMapping = this.#parts.root !== null;
  }

  get root(): MapNode | null {
    return this.#made().root;
  }

  get job(): MapNode | null {
    return this.#made().job;
  }

  get streams(): StreamView[] {
    return this.#made().streams;
  }

  rest(): void {
    this.#parts = null;
  }

  #made(): Parts {
    this.#parts ??= partsOf(this.document, this.scope, () => {});
    return this.#parts;
  }
}

function partsOf(document: Document, scope: Scope, report: Report): Parts {
  const view: Parts = { name: textOf(document.root, 'name'), scope, root: null, job: null, streams: [] };
  if (document.broken) return view;
  const written = document.root ?? emptyMap(document);
  if (written.kind !== 'map') {
    report('schema/type', written, 'A job is a mapping of keys: `name`, `source`, `destination`, …');
    return view;
  }
  const defaults = defaultsFor(document, scope);
  view.root = walk(written, jobSchema, jobHost(document, scope, report, defaults), {
    partial: true,
    runtime: false,
  }) as MapNode;
  view.job = withDefaultType(lay(defaults, without(view.root, 'streams')) as MapNode);
  view.streams = streamsOf(view);
  requireAll(view, report);
  return view;
}

/** A destination that is only begun in the defaults has no type of its own yet. */
function withDefaultType(job: MapNode): MapNode {
  const entry = entryOf(job, 'destination');
  if (entry?.value.kind !== 'map' || entryOf(entry.value, 'type') || entryOf(entry.value, 'connection')) return job;
  const { file, range, path } = entry.value;
  const text = (source: string): ScalarNode => ({
    kind: 'scalar',
    file,
    range,
    path,
    value: source,
    source,
    style: 'plain',
  });
  const type = { key: text('type'), value: text(DEFAULT_DESTINATION), merged: false };
  const value: MapNode = { ...entry.value, entries: [type, ...entry.value.entries] };
  return { ...job, entries: job.entries.map((other) => (other === entry ? { ...entry, value } : other)) };
}

function emptyMap(document: Document): MapNode {
  return { kind: 'map', file: document.file, range: { start: 0, end: 0 }, path: '', entries: [], flow: false };
}

/**
 * Walks a job file again and tells of every value and the schema that it was held against: what hover and completion are
 * made of, so that they cannot disagree with the findings.
 */
export function visitJob(document: Document, scope: Scope, visit: NonNullable<Host['visit']>): void {
  const { root } = document;
  if (root?.kind !== 'map') return;
  const host = { ...jobHost(document, scope, () => {}, defaultsFor(document, scope)), visit };
  walk(root, jobSchema, host, { partial: true, runtime: false });
}

function defaultsFor(document: Document, scope: Scope): Node | null {
  const tags = textsOf(document.root, 'tags');
  return scope.defaults
    .filter((entry) => entry.matches(document.file, tags))
    .reduce<Node | null>((under, entry) => lay(under, entry.set), null);
}

function jobHost(document: Document, scope: Scope, report: Report, defaults: Node | null): Host {
  return {
    document,
    report,
    typeOf: (union, node) => typeOf(union, node, document, scope, defaults),
    text: (node, text, runtime) =>
      putVariables(
        node,
        text,
        runtime,
        { variables: scope.variables, providers: scope.providers, text: document.text },
        report,
      ),
  };
}

/** By the connection, else by what it is laid over, else the default. */
function typeOf(
  union: Schema,
  node: MapNode,
  document: Document,
  scope: Scope,
  defaults: Node | null,
): string | undefined {
  const byConnection = scope.connections.get(textOf(node, 'connection') ?? '')?.type;
  if (byConnection !== undefined) return byConnection;
  const keys = node.path
    .replace(/^\/streams\/\d+/, '')
    .split('/')
    .slice(1);
  const isStream = node.path.startsWith('/streams/');
  const under = isStream ? inheritedType(document.root, keys, scope) : undefined;
  const inherited = under ?? inheritedType(defaults, keys, scope);
  return inherited ?? (union === jobSchema.properties?.destination ? DEFAULT_DESTINATION : undefined);
}

function inheritedType(root: Node | null, keys: readonly string[], scope: Scope): string | undefined {
  const node = child(root, ...keys);
  if (node?.kind === 'scalar' && node.value !== null) return String(node.value);
  return textOf(node, 'type') ?? scope.connections.get(textOf(node, 'connection') ?? '')?.type;
}

function streamsOf(view: Parts): StreamView[] {
  const job = view.job!;
  const entries = itemsOf(view.root, 'streams');
  if (!entryOf(view.root, 'streams')) {
    return [{ name: view.name ?? '', node: job, written: view.root!, enabled: true }];
  }
  return entries.flatMap((entry) => {
    if (entry.kind !== 'map') return [];
    const node = lay(without(job, 'name', 'enabled'), entry) as MapNode;
    const name = textOf(entry, 'name') ?? tablePatternOf(node) ?? '';
    return [{ name, node, written: entry, enabled: textOf(entry, 'enabled') !== 'false' }];
  });
}

/** The table of a stream's source, where it is a pattern and the source takes one. */
export function tablePatternOf(stream: Node): string | null {
  const type = textOf(stream, 'source', 'type') ?? '';
  const table = textOf(stream, 'source', 'table');
  const takes = Object.hasOwn(specs.sources, type) && specs.sources[type]?.capabilities.table_patterns === true;
  return takes && table !== undefined && isTablePattern(table) ? table : null;
}

/** Asks for required keys in what is left after everything was merged. */
function requireAll(view: Parts, report: Report): void {
  const properties = jobSchema.properties!;
  const root = view.root!;
  requireKeys(root, { required: ['name'] }, { report });
  for (const key of ['compute', 'schedule', 'retries', 'limits', 'sla']) {
    requireIn(child(view.job, key), properties[key]!, view.scope, report);
  }
  for (const stream of view.streams) {
    const at = stream.written;
    if (at !== root && tablePatternOf(stream.node) === null) requireKeys(at, { required: ['name'] }, { report });
    if (!entryOf(stream.node, 'source')) requireKeys(at, { required: ['source'] }, { report });
    for (const key of ['source', 'destination', 'incremental']) {
      const node = child(stream.node, key);
      // What a stream takes over from the job and still lacks is missing in the stream.
      const own = child(at, key);
      const elsewhere: Report = (code, _, message) => requireAt(at, code, message.replace('`', `\`${key}.`), report);
      requireIn(
        node,
        properties[key]!,
        view.scope,
        own ? (code, n, message, o) => report(code, nodeIn(n, own), message, o) : elsewhere,
      );
    }
  }
}

/** A merged mapping shows where it is written in this file. */
function nodeIn(node: Node, own: Node): Node {
  return node.file === own.file ? node : own;
}

function requireAt(map: MapNode, code: DiagnosticCode, message: string, report: Report): void {
  const range = map.entries.find((entry) => !entry.merged)?.key.range;
  report(code, map, message, range ? { range } : {});
}

function requireIn(node: Node | undefined, schema: Schema, scope: Scope, report: Report): void {
  if (node?.kind !== 'map') return;
  const union = schema['x-union'];
  if (union) {
    const type = textOf(node, union.key);
    const variant = variantOf(schema, type);
    // A connection that does not exist is reported as such.
    const connection = textOf(node, 'connection');
    const unknown = connection !== undefined && !scope.connections.has(connection);
    if (!entryOf(node, union.key) && !unknown) {
      const message = `\`${union.key}\` is missing: ${listWords(Object.keys(union.of))}.`;
      requireKeys(
        node,
        { required: [union.key] },
        { report: (code, n, _, options) => report(code, n, message, options) },
      );
    }
    if (!variant) return;
    requireIn(node, variant, scope, report);
    reportForeignKeys(node, variant, type ?? '', report);
    return;
  }
  requireKeys(node, schema, { report });
  for (const [key, inner] of Object.entries(schema.properties ?? {})) requireIn(child(node, key), inner, scope, report);
}

/** What was laid under from elsewhere may not be a key of the type that it ended at. */
function reportForeignKeys(node: MapNode, variant: Schema, type: string, report: Report): void {
  for (const { key } of node.entries) {
    if (key.source === 'type' || Object.hasOwn(variant.properties ?? {}, key.source)) continue;
    const from = key.file === node.file ? '' : ` It comes from ${key.file}.`;
    report('schema/unknown-key', key, `\`${key.source}\` is no key of \`${type}\`.${from}`);
  }
}

/** Where a key of a stream is written, for findings on what is missing there: the nearest place in the file. */
export function placeOf(view: JobView, stream: StreamView, ...keys: string[]): Node {
  for (let length = keys.length; length > 0; length--) {
    const path = keys.slice(0, length);
    const found =
      entryOf(child(stream.written, ...path.slice(0, -1)), path.at(-1)!) ??
      entryOf(child(view.root, ...path.slice(0, -1)), path.at(-1)!);
    if (found) return found.value.kind === 'scalar' ? found.value : found.key;
  }
  const name = child(stream.written, 'name') as ScalarNode | undefined;
  return name ?? { ...emptyMap(view.document), range: { start: 0, end: 0 }, path: pointer('', 'name').slice(0, 0) };
}
