import type { Diagnostic } from '../model/diagnostic.ts';
import { globMatcher } from '../model/glob.ts';
import type { Schema } from '../spec/schema.ts';
import {
  child,
  type Document,
  entryOf,
  itemsOf,
  type MapNode,
  type Node,
  type ScalarNode,
  textOf,
} from '../text/node.ts';
import type { Host, Report } from './host.ts';
import { JOB_PATTERNS, projectSchema } from './project-schema.ts';
import { putVariables, type ReferenceScope } from './references.ts';
import { reporter } from './report.ts';
import { BUILT_IN_PROVIDERS } from './secrets-schema.ts';
import { walk } from './walk.ts';

/** One entry of `defaults` of sluice.yaml. */
interface Defaults {
  matches(file: string, tags: readonly string[]): boolean;
  set: MapNode;
}

/** A named entry of sluice.yaml with a `type`. */
interface Connection {
  key: ScalarNode;
  type: string | undefined;
  node: MapNode;
}

/** sluice.yaml as a job sees it: in one target, with its variables put in. */
export interface Scope {
  /** The target; null where the named one does not exist. */
  target: string | null;
  variables: ReadonlyMap<string, string | undefined>;
  connections: ReadonlyMap<string, Connection>;
  /** `channels` of sluice.yaml, by name. */
  channels: ReadonlyMap<string, Connection>;
  /** `secrets` of sluice.yaml, by name. */
  secrets: ReadonlyMap<string, Connection>;
  /** Names that `${secret:NAME/…}` may begin with. */
  providers: ReadonlySet<string>;
  defaults: readonly Defaults[];
  limits: Node | undefined;
  /** sluice.yaml in normal form. */
  root: MapNode | null;
  /** Findings of the walk over sluice.yaml. */
  diagnostics: Diagnostic[];
}

/** Targets as written, the default one first; one target `default` where there are none. */
export function targetsOf(config: Document | null): { name: string; isDefault: boolean; key: ScalarNode | null }[] {
  const targets = child(config?.root, 'targets');
  if (targets?.kind !== 'map' || targets.entries.length === 0) return [{ name: 'default', isDefault: true, key: null }];
  const found = targets.entries.map((entry) => ({
    name: entry.key.source,
    isDefault: textOf(entry.value, 'default') === 'true' || targets.entries.length === 1,
    key: entry.key,
  }));
  return found.sort((a, b) => Number(b.isDefault) - Number(a.isDefault));
}

const cache = new WeakMap<object, Map<string, Scope>>();
const NO_CONFIG = {};

/** The scope of a target; remembered for each parsed sluice.yaml. */
export function scopeOf(
  config: Document | null,
  target: string | undefined,
  vars: Readonly<Record<string, string>>,
): Scope {
  const owner = config ?? NO_CONFIG;
  const key = JSON.stringify([target ?? null, Object.entries(vars).sort()]);
  let scopes = cache.get(owner);
  if (!scopes) {
    scopes = new Map();
    cache.set(owner, scopes);
  }
  const known = scopes.get(key) ?? makeScope(config, target, vars);
  scopes.set(key, known);
  return known;
}

function makeScope(config: Document | null, wanted: string | undefined, vars: Readonly<Record<string, string>>): Scope {
  const targets = targetsOf(config);
  const target = wanted === undefined ? targets[0]?.name : targets.find((t) => t.name === wanted)?.name;
  const variables = variablesOf(config, target, vars);
  const diagnostics: Diagnostic[] = [];
  const root = config?.root && !config.broken ? walkConfig(config, config.root, variables, diagnostics) : null;
  return {
    target: target ?? null,
    variables,
    connections: namedOf(root, 'connections'),
    channels: namedOf(root, 'channels'),
    secrets: namedOf(root, 'secrets'),
    providers: providersOf(config),
    defaults: itemsOf(root, 'defaults').flatMap(readDefaults),
    limits: child(root, 'limits'),
    root,
    diagnostics,
  };
}

function variablesOf(
  config: Document | null,
  target: string | undefined,
  vars: Readonly<Record<string, string>>,
): Map<string, string | undefined> {
  const variables = new Map<string, string | undefined>();
  const declared = child(config?.root, 'variables');
  for (const entry of declared?.kind === 'map' ? declared.entries : [])
    variables.set(entry.key.source, sourceOf(entry.value, 'default'));
  const own = child(config?.root, 'targets', target ?? '', 'variables');
  for (const entry of own?.kind === 'map' ? own.entries : []) {
    if (entry.value.kind === 'scalar' && variables.has(entry.key.source))
      variables.set(entry.key.source, entry.value.source);
  }
  for (const [name, value] of Object.entries(vars)) variables.set(name, value);
  return variables;
}

function sourceOf(node: Node, key: string): string | undefined {
  const found = entryOf(node, key)?.value;
  return found?.kind === 'scalar' && found.style !== 'empty' ? found.source : undefined;
}

function walkConfig(
  config: Document,
  root: Node,
  variables: ReadonlyMap<string, string | undefined>,
  diagnostics: Diagnostic[],
): MapNode | null {
  const report = reporter(config, diagnostics);
  if (root.kind !== 'map') {
    report('schema/type', root, 'sluice.yaml is a mapping of keys: `version`, `name`, …');
    return null;
  }
  return walk(root, projectSchema, configHost(config, variables, report), {
    partial: false,
    runtime: false,
  }) as MapNode | null;
}

function configHost(config: Document, variables: ReadonlyMap<string, string | undefined>, report: Report): Host {
  return {
    document: config,
    report,
    typeOf: () => undefined,
    text(node, text, runtime) {
      if (!/^\/(?:variables|targets)\//.test(node.path))
        return putVariables(node, text, runtime, configReferences(config, node, variables), report);
      if (text.includes('${')) report('reference/place', node, 'A variable holds a plain value, no reference.');
      return text;
    },
  };
}

/** What secrets are looked up with holds none itself, and nor does what the daemon has to know before anybody may ask it. */
function configReferences(
  config: Document,
  node: ScalarNode,
  variables: ReadonlyMap<string, string | undefined>,
): ReferenceScope {
  const scope = { variables, text: config.text };
  return /^\/(?:secrets|state_store|access|api)(?:\/|$)/.test(node.path)
    ? scope
    : { ...scope, providers: providersOf(config) };
}

/** Names that `${secret:NAME/…}` may begin with. */
export function providersOf(config: Document | null): ReadonlySet<string> {
  const declared = child(config?.root, 'secrets');
  const names = declared?.kind === 'map' ? declared.entries.map((entry) => entry.key.source) : [];
  return new Set([...names, ...BUILT_IN_PROVIDERS]);
}

/** Walks sluice.yaml again and tells of every value and the schema that it was held against, as `visitJob` does for a job. */
export function visitConfig(config: Document, visit: NonNullable<Host['visit']>): void {
  const { root } = config;
  if (root?.kind !== 'map') return;
  const host = { ...configHost(config, variablesOf(config, undefined, {}), () => {}), visit };
  walk(root, projectSchema, host, { partial: false, runtime: false });
}

function namedOf(root: MapNode | null, key: string): Map<string, Connection> {
  const node = child(root, key);
  const connections = new Map<string, Connection>();
  for (const entry of node?.kind === 'map' ? node.entries : []) {
    const map: MapNode =
      entry.value.kind === 'map' ? entry.value : { ...entry.value, kind: 'map', entries: [], flow: true };
    connections.set(entry.key.source, { key: entry.key, type: textOf(map, 'type'), node: map });
  }
  return connections;
}

function readDefaults(node: Node): Defaults[] {
  const set = child(node, 'set');
  if (set?.kind !== 'map') return [];
  const paths = textsOf(node, 'match', 'path');
  const tags = textsOf(node, 'match', 'tags');
  const matcher = paths.length > 0 ? globMatcher(paths) : () => true;
  return [{ set, matches: (file, own) => matcher(file) && tags.every((tag) => own.includes(tag)) }];
}

/** The texts of a list of a key path. */
export function textsOf(node: Node | null | undefined, ...keys: string[]): string[] {
  return itemsOf(node, ...keys).flatMap((item) =>
    item.kind === 'scalar' && item.value !== null ? [String(item.value)] : [],
  );
}

/** The object schema of a union's variant, or undefined. */
export function variantOf(union: Schema | undefined, type: string | undefined): Schema | undefined {
  const of = union?.['x-union']?.of;
  return of && type !== undefined && Object.hasOwn(of, type) ? of[type] : undefined;
}

/** The patterns of a project's job files, as sluice.yaml gives them or by default. */
export function jobPatterns(config: Document): string[] {
  const patterns = textsOf(scopeOf(config, undefined, {}).root, 'jobs');
  return patterns.length > 0 ? patterns : [...JOB_PATTERNS];
}
