import type { Diagnostic, Range } from '../model/diagnostic.ts';

/** How a scalar was written; `empty` is a key or dash with nothing after it. */
export type ScalarStyle = 'plain' | 'single' | 'double' | 'literal' | 'folded' | 'empty';

interface NodeBase {
  /** File that the text stands in; a merged tree holds nodes of several files. */
  file: string;
  /** Where it is written. For an alias: the alias, while its children keep the place of the anchor. */
  range: Range;
  /** JSON pointer inside its file. */
  path: string;
}

export interface ScalarNode extends NodeBase {
  kind: 'scalar';
  /** By YAML 1.2 core rules; after the schema walk, by the schema. */
  value: string | number | boolean | null;
  /** The text as written, without quotes and with block indentation removed: `02134`, `1.10`. */
  source: string;
  style: ScalarStyle;
}

export interface Entry {
  key: ScalarNode;
  value: Node;
  /** Came in by `<<`. */
  merged: boolean;
}

export interface MapNode extends NodeBase {
  kind: 'map';
  entries: Entry[];
  flow: boolean;
}

export interface ListNode extends NodeBase {
  kind: 'list';
  items: Node[];
  flow: boolean;
}

export type Node = ScalarNode | MapNode | ListNode;

/** One YAML file, parsed. Never throws away text: a broken file still has what could be read of its tree. */
export interface Document {
  /** Path relative to the project folder, with `/`. */
  file: string;
  text: string;
  /** null: nothing but comments, or not readable at all. */
  root: Node | null;
  /** Findings of the text layer (`yaml/…`). */
  diagnostics: Diagnostic[];
  /** The tree may not be what the author means: nothing but `diagnostics` is worth reporting. */
  broken: boolean;
  /** Lets go of the tree until it is asked for again; left out: it stays. */
  rest?(): void;
}

/** The document with another tree. */
export function withRoot({ file, text, diagnostics, broken }: Document, root: Node | null): Document {
  return { file, text, root, diagnostics, broken };
}

/** The entry of a key, or undefined where the node is no mapping or lacks it. */
export function entryOf(node: Node | null | undefined, key: string): Entry | undefined {
  return node?.kind === 'map' ? node.entries.find((entry) => entry.key.source === key) : undefined;
}

/** The value of a key path, or undefined where a step is missing. */
export function child(node: Node | null | undefined, ...keys: string[]): Node | undefined {
  let at: Node | undefined = node ?? undefined;
  for (const key of keys) at = entryOf(at, key)?.value;
  return at;
}

/** The text of a scalar of a key path, or undefined where there is none. */
export function textOf(node: Node | null | undefined, ...keys: string[]): string | undefined {
  const found = child(node, ...keys);
  return found?.kind === 'scalar' && found.value !== null ? String(found.value) : undefined;
}

/** The items of a list of a key path; empty where there is none. */
export function itemsOf(node: Node | null | undefined, ...keys: string[]): Node[] {
  const found = child(node, ...keys);
  return found?.kind === 'list' ? found.items : [];
}

/** One step of a JSON pointer. */
export function pointer(base: string, key: string | number): string {
  return `${base}/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}
