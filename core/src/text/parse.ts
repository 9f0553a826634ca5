import {
  Composer,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  Parser,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
  type Document as YamlDocument,
  type Node as YamlNode,
} from 'yaml';
import type { DiagnosticCode } from '../model/codes.ts';
import type { Diagnostic, Fix, Range } from '../model/diagnostic.ts';
import { describeFaults, NO_SPACE, quoteRest, spaceAt, TOO_DEEP, templateAt } from './faults.ts';
import { findLooks } from './looks.ts';
import { expandMerges, isMergeKey } from './merge.ts';
import {
  type Document,
  type Entry,
  type MapNode,
  type Node,
  pointer,
  type ScalarNode,
  type ScalarStyle,
} from './node.ts';
import { lineAt } from './position.ts';
import { findTabs } from './tabs.ts';

/** Nodes that aliases may add to a file. A page of anchors stays far below; what multiplies itself does not. */
const MAX_ALIAS_NODES = 20_000;
/** Deeper trees exhaust the stack of a recursive reader. */
const MAX_DEPTH = 100;

/** Parses one YAML file (1.2 core, one document). Never throws: faults are in `diagnostics`. */
export function parseDocument(text: string, file: string): Document {
  const result: Document = { file, text, root: null, diagnostics: [], broken: false };
  const looks = findLooks(text);
  const documents = compose(text);
  if (!documents) {
    const start = text.search(/\S/);
    return { ...result, broken: true, diagnostics: [fault('yaml/syntax', { start, end: start + 1 }, TOO_DEEP)] };
  }
  const first = documents[0];
  const faults = describeFaults(
    text,
    documents.flatMap((d) => d.errors),
  );
  result.diagnostics.push(...looks, ...faults, ...findTabs(text, faults));
  result.broken = result.diagnostics.length > 0;
  if (!first) return result;
  const second = documents[1];
  if (second && !result.broken) result.diagnostics.push(secondDocument(text, second));
  if (/^%/m.test(text) && !result.broken) addDirectives(text, result.diagnostics);
  const builder = new Builder(file, text, result.diagnostics);
  result.root = first.contents ? builder.build(first.contents as YamlNode, '', 0) : null;
  if (result.root?.kind === 'scalar' && result.root.style === 'empty') result.root = null;
  result.broken ||= builder.fatal;
  // What git left, or a control character, leaves nothing else to say about the text.
  const isStrange = looks[0]?.code === 'yaml/syntax';
  if (result.broken) result.diagnostics = isStrange ? looks : onePerLine(text, result.diagnostics);
  return result;
}

/** What is wrong with a line is said once, by the finding that knows most about it. */
function onePerLine(text: string, found: readonly Diagnostic[]): Diagnostic[] {
  const lines = new Map<number, Diagnostic>();
  const deepest = found.findLast(({ message }) => message === TOO_DEEP);
  for (const diagnostic of found) {
    if (diagnostic.message === TOO_DEEP && diagnostic !== deepest) continue;
    const line = lineAt(text, diagnostic.range.start).start;
    const earlier = lines.get(line);
    if (!earlier || (diagnostic.fix && !earlier.fix)) lines.set(line, diagnostic);
  }
  return [...lines.values()];
}

/** null: nested so deeply that the reader ran out of stack. */
function compose(text: string): YamlDocument.Parsed[] | null {
  const composer = new Composer({
    version: '1.2',
    schema: 'core',
    uniqueKeys: false,
    merge: false,
    logLevel: 'silent',
  });
  try {
    return [...composer.compose(new Parser().parse(text))];
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function secondDocument(text: string, second: YamlDocument.Parsed): Diagnostic {
  const markers = [...text.matchAll(/^(?:---|\.\.\.)(?=\s|$)/gm)];
  const marker = markers.findLast(({ index }) => index <= second.range[0]);
  const start = marker?.index ?? second.range[0];
  return fault(
    'yaml/documents',
    { start, end: start + 3 },
    `One file holds one document: move what follows \`${marker?.[0] ?? '---'}\` into a file of its own.`,
  );
}

function addDirectives(text: string, into: Diagnostic[]): void {
  const match = /^%[^\r\n]*/m.exec(text);
  const marker = /^---/m.exec(text);
  if (!match || !marker || match.index > marker.index) return;
  const range = { start: match.index, end: match.index + match[0].length };
  into.push(fault('yaml/directive', range, 'Directives are not part of the job language; files are YAML 1.2.'));
}

function fault(code: DiagnosticCode, range: Range, message: string, fix?: Fix): Diagnostic {
  return { code, severity: 'error', message, range, path: '', ...(fix ? { fix } : {}) };
}

const STYLES: Readonly<Record<string, ScalarStyle>> = {
  PLAIN: 'plain',
  QUOTE_SINGLE: 'single',
  QUOTE_DOUBLE: 'double',
  BLOCK_LITERAL: 'literal',
  BLOCK_FOLDED: 'folded',
};

/** Turns the parser's nodes into ours and checks what a single document must keep. */
class Builder {
  fatal = false;
  readonly #file: string;
  readonly #text: string;
  readonly #out: Diagnostic[];
  readonly #anchors = new Map<string, Node>();
  readonly #open = new Set<string>();
  readonly #sizes = new WeakMap<Node, number>();
  #aliasNodes = 0;

  constructor(file: string, text: string, out: Diagnostic[]) {
    this.#file = file;
    this.#text = text;
    this.#out = out;
  }

  build(node: YamlNode, path: string, depth: number): Node {
    if (isAlias(node)) return this.#alias(node.source, this.#rangeOf(node), path);
    const tag = (node as { tag?: string }).tag;
    if (tag !== undefined) this.#tag(node, tag);
    const anchor = (node as { anchor?: string }).anchor;
    if (anchor) this.#open.add(anchor);
    const built = depth > MAX_DEPTH ? this.#tooDeep(node, path) : this.#convert(node, path, depth);
    if (anchor) {
      this.#open.delete(anchor);
      this.#anchors.set(anchor, built);
    }
    return built;
  }

  #convert(node: YamlNode, path: string, depth: number): Node {
    if (isMap(node)) return this.#map(node as YAMLMap, path, depth);
    if (isSeq(node)) return this.#list(node as YAMLSeq, path, depth);
    return this.#scalar(node as Scalar, path);
  }

  #tooDeep(node: YamlNode, path: string): Node {
    this.fatal = true;
    const { start } = this.#rangeOf(node);
    this.#report('yaml/syntax', { start, end: start + 1 }, TOO_DEEP);
    return this.#empty(start, path);
  }

  #scalar(node: Scalar, path: string): ScalarNode {
    const range = this.#rangeOf(node);
    const style = STYLES[String(node.type)] ?? 'plain';
    const empty = style === 'plain' && range.end === range.start;
    const source = style === 'plain' ? String(node.source ?? '') : String(node.value ?? '');
    const value = node.value as ScalarNode['value'] | bigint;
    return {
      kind: 'scalar',
      file: this.#file,
      range,
      path,
      source,
      style: empty ? 'empty' : style,
      value: typeof value === 'bigint' ? Number(value) : (value ?? null),
    };
  }

  #list(node: YAMLSeq, path: string, depth: number): Node {
    const items = node.items.map((item, i) => this.build(item as YamlNode, pointer(path, i), depth + 1));
    return this.#sized({
      kind: 'list',
      file: this.#file,
      range: this.#rangeOf(node),
      path,
      items,
      flow: node.flow === true,
    });
  }

  #map(node: YAMLMap, path: string, depth: number): Node {
    const map: MapNode = {
      kind: 'map',
      file: this.#file,
      range: this.#rangeOf(node),
      path,
      entries: [],
      flow: node.flow === true,
    };
    const seen = new Map<string, ScalarNode>();
    const merges: Entry[] = [];
    for (const pair of node.items) {
      if (!isPair(pair)) continue;
      const key = this.#key(pair.key as YamlNode | null, path, map);
      if (!key) continue;
      if (map.flow && !pair.value) this.#gluedColon(key);
      const keyPath = pointer(path, key.source);
      const value = pair.value
        ? this.build(pair.value as YamlNode, keyPath, depth + 1)
        : this.#empty(key.range.end, keyPath);
      const entry: Entry = { key: { ...key, path: keyPath }, value, merged: false };
      if (isMergeKey(key)) {
        merges.push(entry);
        continue;
      }
      const first = seen.get(key.source);
      if (first) this.#duplicate(key, first, keyPath);
      else {
        seen.set(key.source, key);
        map.entries.push(entry);
      }
    }
    for (const merge of merges)
      expandMerges(map, merge, (node, message) => this.#report('yaml/merge', node.range, message));
    return this.#sized(map);
  }

  #key(node: YamlNode | null, path: string, map: MapNode): ScalarNode | null {
    if (node && isScalar(node)) {
      const key = this.#scalar(node, path);
      if (key.style !== 'empty' && key.value !== null) return key;
    }
    const range = node?.range ? this.#rangeOf(node) : map.range;
    const template = templateAt(this.#text, range.start - 1);
    if (template) this.#report('yaml/quote', template.range, template.message);
    else this.#report('yaml/key', range, 'A key must be a plain word or a quoted text.');
    return null;
  }

  /** `{type:csv}` is one key to YAML, without a value. */
  #gluedColon({ source, style, range }: ScalarNode): void {
    const colon = style === 'plain' ? /^[A-Za-z_]\w*:(?=[^:/])/.exec(source)?.[0].length : undefined;
    if (colon === undefined) return;
    this.fatal = true;
    const { start } = range;
    this.#report('yaml/syntax', { start, end: start + colon }, NO_SPACE, spaceAt(start + colon));
  }

  #duplicate(key: ScalarNode, first: ScalarNode, path: string): void {
    this.#out.push({
      ...fault('yaml/duplicate-key', key.range, `\`${key.source}\` is given twice in this mapping; keep one of them.`),
      path,
      related: [{ message: `the first \`${key.source}\``, file: this.#file, range: first.range }],
    });
  }

  #alias(name: string, range: Range, path: string): Node {
    const target = this.#anchors.get(name);
    if (!target || this.#open.has(name)) {
      this.fatal = true;
      this.#unknownAlias(name, range, path);
      return this.#empty(range.start, path);
    }
    this.#aliasNodes += this.#sizes.get(target) ?? 1;
    if (this.#aliasNodes > MAX_ALIAS_NODES) {
      if (!this.fatal)
        this.#report('yaml/alias-bomb', range, 'These aliases repeat each other into too large a document.');
      this.fatal = true;
      return this.#empty(range.start, path);
    }
    return this.#sized({ ...target, range, path });
  }

  #unknownAlias(name: string, range: Range, path: string): void {
    if (this.#open.has(name)) {
      this.#out.push({ ...fault('yaml/alias', range, `\`*${name}\` stands inside the anchor that it repeats.`), path });
      return;
    }
    const written = /^[A-Za-z_][\w-]*$/.test(name);
    const rest = quoteRest(this.#text, range.start);
    const known = [...this.#anchors.keys()].map((anchor) => `\`&${anchor}\``).join(', ');
    const message = written
      ? `There is no anchor \`&${name}\` above this line${known ? `; there is ${known}` : ''}.`
      : 'A text that begins with `*` is an alias to YAML; put it in quotes.';
    const code = written ? 'yaml/alias' : 'yaml/quote';
    this.#out.push({ ...fault(code, written ? range : rest.range, message, rest.fix), path });
  }

  #tag(node: YamlNode, tag: string): void {
    const start = this.#tagStart(node);
    const rest = quoteRest(this.#text, start);
    const known = tag.startsWith('tag:yaml.org');
    const shown = /^\S+/.exec(this.#text.slice(start))?.[0] ?? tag;
    const message = known
      ? `Tags such as \`${shown}\` are not part of the job language; put the text in quotes.`
      : `\`${shown}\` is a tag to YAML; put a text that begins with \`!\` in quotes.`;
    const isText = isScalar(node);
    this.fatal = true;
    this.#report(
      'yaml/tag',
      isText && !known ? rest.range : { start, end: start + shown.length },
      message,
      isText ? this.#tagFix(node, start, known, rest.fix) : undefined,
    );
  }

  #tagFix(node: YamlNode, start: number, known: boolean, quote: Fix): Fix {
    if (!known) return quote;
    const end = this.#rangeOf(node).start;
    return { title: 'Remove the tag', edits: [{ range: { start, end }, text: '' }] };
  }

  #tagStart(node: YamlNode): number {
    const at = this.#rangeOf(node).start;
    const before = this.#text.lastIndexOf('!', Math.max(0, at - 1));
    if (before < 0) return at;
    const run = /!\S*$/.exec(this.#text.slice(0, before + 1));
    const word = this.#text.slice(0, before + 1).search(/\S+$/);
    return run ? Math.max(word, run.index) : before;
  }

  #empty(at: number, path: string): ScalarNode {
    return {
      kind: 'scalar',
      file: this.#file,
      range: { start: at, end: at },
      path,
      value: null,
      source: '',
      style: 'empty',
    };
  }

  #sized<T extends Node>(node: T): T {
    let size = 1;
    if (node.kind === 'list') for (const item of node.items) size += this.#sizes.get(item) ?? 1;
    if (node.kind === 'map') for (const entry of node.entries) size += 1 + (this.#sizes.get(entry.value) ?? 1);
    this.#sizes.set(node, size);
    return node;
  }

  #rangeOf(node: YamlNode): Range {
    const [start, valueEnd] = node.range ?? [0, 0, 0];
    let end = Math.max(start, valueEnd);
    while (end > start && isSpace(this.#text.charCodeAt(end - 1))) end--;
    return { start, end };
  }

  #report(code: DiagnosticCode, range: Range, message: string, fix?: Fix): void {
    this.#out.push(fault(code, range, message, fix));
  }
}

function isSpace(code: number): boolean {
  return code === 32 || code === 10 || code === 13 || code === 9;
}
