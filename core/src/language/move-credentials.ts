import type { Spec } from '../model/component.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import * as specs from '../specs.ts';
import { child, type Entry, entryOf, type MapNode, textOf } from '../text/node.ts';
import { lineAt } from '../text/position.ts';
import { addEntry, lineBreak } from './insert.ts';
import type { LanguageContext, TextEdit, WorkspaceEdits } from './types.ts';
import { nodeOf, pathParts } from './visits.ts';

/**
 * Moves the keys of a connection that stand inline, a secret among them, to a connection of sluice.yaml; secrets become
 * references to the environment. null where there is no sluice.yaml or the keys do not stand one on a line.
 */
export function moveCredentials(
  context: LanguageContext,
  diagnostic: Diagnostic,
): { title: string; edits: WorkspaceEdits } | null {
  const { document, project } = context;
  const { config } = project.files;
  const parts = pathParts(diagnostic.path);
  const side = parts.at(-2);
  const use = nodeOf(document.root, parts.slice(0, -1));
  if (!config || config.broken || config === document || use?.kind !== 'map' || use.flow) return null;
  const type = textOf(use, 'type');
  const map = side === 'source' ? specs.sources : side === 'destination' ? specs.destinations : {};
  const spec: Spec | undefined = type !== undefined && Object.hasOwn(map, type) ? map[type] : undefined;
  if (!spec || type === undefined || entryOf(use, 'connection')) return null;
  const inline = use.entries.filter(({ key }) => isConnectionKey(spec, key.source));
  // What holds a secret within itself, or is no single value, only its author can take apart.
  if (!spec.secrets.includes(parts.at(-1) ?? '') || inline.some(({ value }) => value.kind !== 'scalar')) return null;
  const name = freeName(context, `${textOf(document.root, 'name') ?? 'job'}_${side}`);
  const lines = inline.map(({ key, value }) => {
    const written = value.kind === 'scalar' ? document.text.slice(value.range.start, value.range.end) : '';
    const isSecret = spec.secrets.includes(key.source) && !written.includes('${');
    return `  ${key.source}: ${isSecret ? `\${env:${`${name}_${key.source}`.toUpperCase()}}` : written}`;
  });
  const added = addConnection(config, `${name}:\n  type: ${type}\n${lines.join('\n')}`);
  const removed = removeAll(document.text, use, inline, `connection: ${name}`);
  if (!added || !removed) return null;
  return {
    title: `Move to the connection \`${name}\` of sluice.yaml, secrets to the environment`,
    edits: new Map([
      [document.file, removed],
      [config.file, [added]],
    ]),
  };
}

function isConnectionKey(spec: Spec, key: string): boolean {
  return Object.hasOwn(spec.connection?.properties ?? {}, key);
}

function freeName(context: LanguageContext, wanted: string): string {
  let name = wanted;
  for (let i = 2; context.scope.connections.has(name); i++) name = `${wanted}_${i}`;
  return name;
}

function addConnection(config: LanguageContext['document'], entry: string): TextEdit | null {
  const root = config.root;
  if (root?.kind !== 'map') return null;
  const connections = child(root, 'connections');
  if (connections?.kind === 'map' && connections.entries.length > 0) return addEntry(config, connections, entry);
  if (connections) return null;
  return addEntry(config, root, `connections:\n${entry.replace(/^/gm, '  ')}`);
}

/** The first of the entries becomes `instead`, the others go with their lines. */
function removeAll(text: string, use: MapNode, entries: readonly Entry[], instead: string): TextEdit[] | null {
  const lines = new Set<number>();
  const edits: TextEdit[] = [];
  for (const [i, { key, value }] of entries.entries()) {
    const line = lineAt(text, key.range.start);
    const single =
      value.range.end <= line.start + line.text.length && /^\s*$/.test(text.slice(line.start, key.range.start));
    if (!single || lines.has(line.start)) return null;
    lines.add(line.start);
    const end = line.start + line.text.length;
    if (i === 0) edits.push({ range: { start: key.range.start, end }, text: instead });
    else
      edits.push({ range: { start: line.start, end: Math.min(text.length, end + lineBreak(text).length) }, text: '' });
  }
  return use.entries.length > 0 ? edits : null;
}
