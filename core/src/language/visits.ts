import type { Project } from '../check/project.ts';
import { type Scope, visitConfig } from '../check/scope.ts';
import { visitJob } from '../check/view.ts';
import type { Schema } from '../spec/schema.ts';
import type { Document, Entry, Node } from '../text/node.ts';
import { entryOf } from '../text/node.ts';
import { readable } from './readable.ts';
import type { LanguageContext } from './types.ts';

export interface Visit {
  node: Node;
  schema: Schema;
}

/** Every value of a document with the schemas that it is held against, in the order of the walk. */
export function visitsOf(document: Document, project: Project, scope: Scope): Visit[] {
  const found: Visit[] = [];
  const visit = (node: Node, schema: Schema): void => void found.push({ node, schema });
  if (isConfig(document, project)) visitConfig(document, visit);
  else visitJob(document, scope, visit);
  return found;
}

/** Whether a document is the project's sluice.yaml, also in a version that is not the project's own. */
export function isConfig(document: Document, project: Project): boolean {
  return project.files.config?.file === document.file;
}

const cache = new WeakMap<Document, { scope: Scope; byPath: Map<string, Visit[]>; all: Visit[] }>();

/** The visits of the readable part of a document, remembered. */
export function visited(context: LanguageContext): { byPath: ReadonlyMap<string, Visit[]>; all: readonly Visit[] } {
  const document = readable(context.document);
  const known = cache.get(document);
  if (known?.scope === context.scope) return known;
  const all = visitsOf(document, context.project, context.scope);
  const byPath = new Map<string, Visit[]>();
  for (const visit of all) {
    const list = byPath.get(visit.node.path);
    if (list) list.push(visit);
    else byPath.set(visit.node.path, [visit]);
  }
  const made = { scope: context.scope, byPath, all };
  cache.set(document, made);
  return made;
}

/** What stands at an offset of a document. */
export interface Found {
  /** The entry whose key holds the offset; null where it is in a value. */
  key: Entry | null;
  node: Node;
  /** From the root to `node`, which is the last one. */
  trail: { node: Node; entry: Entry | null }[];
}

/** The deepest node that holds an offset. */
export function nodeAt(document: Document, offset: number): Found | null {
  const root = readable(document).root;
  if (!root) return null;
  const trail: Found['trail'] = [{ node: root, entry: null }];
  for (let node: Node = root; ; ) {
    const step = stepInto(node, offset, document.file);
    if (!step) return { key: null, node, trail };
    trail.push({ node: step.node, entry: step.entry });
    if (step.onKey) return { key: step.entry, node: step.node, trail };
    node = step.node;
  }
}

function stepInto(
  node: Node,
  offset: number,
  file: string,
): { node: Node; entry: Entry | null; onKey: boolean } | null {
  if (node.kind === 'list') {
    const item = node.items.find((candidate) => holds(candidate, offset, file));
    return item ? { node: item, entry: null, onKey: false } : null;
  }
  if (node.kind === 'scalar') return null;
  for (const entry of node.entries) {
    if (entry.merged) continue;
    const onKey = entry.key.file === file && offset >= entry.key.range.start && offset <= entry.key.range.end;
    if (onKey || holds(entry.value, offset, file)) return { node: entry.value, entry, onKey };
  }
  return null;
}

function holds(node: Node, offset: number, file: string): boolean {
  return (
    node.file === file && offset >= node.range.start && offset <= node.range.end && node.range.end > node.range.start
  );
}

/** The node that a path leads to from a root, through mappings and lists. */
export function nodeOf(root: Node | null | undefined, parts: readonly string[]): Node | undefined {
  let node: Node | undefined = root ?? undefined;
  for (const part of parts) {
    if (node?.kind === 'list') node = node.items[Number(part)];
    else node = entryOf(node, part)?.value;
  }
  return node;
}

/** The parts of a JSON pointer. */
export function pathParts(path: string): string[] {
  return path
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}
