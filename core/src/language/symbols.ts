import type { Project } from '../check/project.ts';
import { child, type Entry, type MapNode, type Node, textOf } from '../text/node.ts';
import { readable } from './readable.ts';
import type { DocumentSymbol, LanguageContext, WorkspaceSymbol } from './types.ts';
import { isConfig } from './visits.ts';

/** Deeper keys are values of their parents more than places to go to. */
const MOST_DEPTH = 4;

/** The outline of a file; what is half written does not take the rest with it. */
export function documentSymbols(context: LanguageContext): DocumentSymbol[] {
  const document = readable(context.document);
  if (document.root?.kind !== 'map') return [];
  const config = isConfig(document, context.project);
  return mapSymbols(document.root, [], config);
}

function mapSymbols(map: MapNode, path: readonly string[], config: boolean): DocumentSymbol[] {
  return map.entries.flatMap((entry) =>
    entry.merged || entry.key.file !== map.file ? [] : [entrySymbol(entry, [...path, entry.key.source], config)],
  );
}

function entrySymbol(entry: Entry, path: readonly string[], config: boolean): DocumentSymbol {
  const { key, value } = entry;
  const end = value.file === key.file ? Math.max(key.range.end, value.range.end) : key.range.end;
  return {
    name: key.source,
    detail: detailOf(value),
    kind: kindOf(value, path, config),
    range: { start: key.range.start, end },
    selection: key.range,
    children: childrenOf(value, path, config),
  };
}

function childrenOf(node: Node, path: readonly string[], config: boolean): DocumentSymbol[] {
  if (path.length >= MOST_DEPTH) return [];
  if (node.kind === 'map') return mapSymbols(node, path, config);
  if (node.kind === 'scalar') return [];
  return node.items.flatMap((item, i) => {
    const name = itemName(item);
    if (name === null || item.kind !== 'map') return [];
    const at = [...path, String(i)];
    const kind = path.at(-1) === 'streams' ? 'stream' : path.at(-1) === 'columns' ? 'column' : 'list';
    const selection = item.entries[0]?.key.range ?? item.range;
    const inside = selection.start >= item.range.start && selection.end <= item.range.end;
    const found: DocumentSymbol = {
      name,
      detail: textOf(item, 'type') ?? '',
      kind,
      range: item.range,
      selection: inside ? selection : item.range,
      children: childrenOf(item, at, config),
    };
    return [found];
  });
}

/** An entry of a list is called by its name, a step by its one key. */
function itemName(item: Node): string | null {
  if (item.kind !== 'map') return null;
  return textOf(item, 'name') ?? item.entries[0]?.key.source ?? null;
}

function detailOf(value: Node): string {
  if (value.kind === 'scalar') return value.value === null ? '' : (value.source.split('\n')[0] ?? '').slice(0, 80);
  if (value.kind === 'list') return value.items.length === 1 ? '1 entry' : `${value.items.length} entries`;
  return textOf(value, 'type') ?? '';
}

function kindOf(value: Node, path: readonly string[], config: boolean): DocumentSymbol['kind'] {
  if (!config && path.length === 1 && path[0] === 'name') return 'job';
  if (config && path.length === 2 && path[0] === 'connections') return 'connection';
  if (config && path.length === 2 && path[0] === 'channels') return 'channel';
  if (config && path.length === 2 && path[0] === 'variables') return 'variable';
  return value.kind === 'map' ? 'key' : value.kind === 'list' ? 'list' : 'value';
}

/** Most symbols that one search gives. */
const MOST_SYMBOLS = 300;

/** Jobs, streams, connections and variables of a project whose names hold the letters of a query in order. */
export function workspaceSymbols(project: Project, query: string): WorkspaceSymbol[] {
  const found: WorkspaceSymbol[] = [];
  const scope = project.scope();
  const add = (kind: WorkspaceSymbol['kind'], node: Node | undefined, container: string): void => {
    if (node?.kind !== 'scalar' || found.length >= MOST_SYMBOLS || !holdsLetters(node.source, query)) return;
    found.push({ kind, name: node.source, container, location: { file: node.file, range: node.range } });
  };
  for (const document of project.files.jobs) {
    const root = readable(document).root;
    add('job', child(root, 'name'), document.file);
    const streams = child(root, 'streams');
    for (const stream of streams?.kind === 'list' ? streams.items : [])
      add('stream', child(stream, 'name'), textOf(root, 'name') ?? document.file);
  }
  for (const [, connection] of scope.connections) add('connection', connection.key, 'sluice.yaml');
  for (const [, channel] of scope.channels) add('channel', channel.key, 'sluice.yaml');
  const variables = child(project.files.config?.root, 'variables');
  for (const entry of variables?.kind === 'map' ? variables.entries : []) add('variable', entry.key, 'sluice.yaml');
  return found;
}

function holdsLetters(name: string, query: string): boolean {
  let at = 0;
  const wanted = query.toLowerCase();
  for (const ch of name.toLowerCase()) if (ch === wanted[at]) at++;
  return at >= wanted.length;
}
