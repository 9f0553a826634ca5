import { type CST, Parser } from 'yaml';
import { FormatWriter } from './format-writer.ts';
import type { Node } from './node.ts';
import { parseDocument } from './parse.ts';

/** Lists and mappings in brackets are put on one line up to this length of it. */
const LINE = 100;

/** Something that is never part of the language's files, or that this cannot lay out. */
class Unsupported extends Error {}

/**
 * A file laid out in one way: indented by two spaces, lists under their key too, one space behind `:` and before a comment, at most
 * one empty line in a row, a line end at the end; what stands in brackets on one line where it fits. Texts stay as they are written,
 * comments stay where they are, and the order of keys is kept. Formatting twice changes nothing more. null where the text is no
 * YAML; unchanged where it means anything else afterwards.
 */
export function formatYaml(text: string): string | null {
  const before = parseDocument(text, 'file');
  if (before.broken) return null;
  const formatted = layOut(text);
  if (formatted === null) return text;
  const after = parseDocument(formatted, 'file');
  const same = !after.broken && signature(before.root) === signature(after.root);
  return same && comments(text).join('\n') === comments(formatted).join('\n') ? formatted : text;
}

function layOut(text: string): string | null {
  const writer = new FormatWriter();
  try {
    for (const token of new Parser().parse(text)) {
      if (token.type === 'document') document(writer, token);
      else if (token.type === 'comment' || token.type === 'newline' || token.type === 'space')
        writer.trivia([token], 0);
      else if (token.type !== 'byte-order-mark') throw new Unsupported(token.type);
    }
  } catch (error) {
    if (error instanceof Unsupported) return null;
    throw error;
  }
  const ending = text.includes('\r\n') ? '\r\n' : '\n';
  return writer.end(ending);
}

function document(writer: FormatWriter, token: CST.Document): void {
  for (const part of token.start) {
    if (part.type === 'doc-start') {
      writer.start(0);
      writer.write('---');
    } else if (part.type === 'anchor' || part.type === 'tag') throw new Unsupported(part.type);
    else writer.trivia([part], 0);
  }
  if (token.value) block(writer, token.value, 0);
  writer.trivia(token.end, 0);
}

/** A value that begins on a line of its own, or behind a dash. */
function block(writer: FormatWriter, token: CST.Token, indent: number): void {
  if (token.type === 'block-map') for (const item of token.items) mapItem(writer, item, indent);
  else if (token.type === 'block-seq') for (const item of token.items) listItem(writer, item, indent);
  else {
    writer.start(indent);
    scalar(writer, token, indent);
  }
}

type Item = CST.BlockMap['items'][number] | CST.BlockSequence['items'][number];

function mapItem(writer: FormatWriter, item: Item, indent: number): void {
  if (!item.key && !item.sep) {
    writer.trivia(item.start, indent, true);
    return;
  }
  const props = leading(writer, item.start, indent, []);
  if (!item.key || !isFlowScalar(item.key)) throw new Unsupported('key');
  writer.start(indent);
  writer.write([...props, flat(item.key)].join(' '));
  // An alias wants a space before the colon, which would be part of its name.
  writer.write(item.key.type === 'alias' ? ' :' : ':');
  value(writer, item, indent);
}

/** What stands behind a key: comments, an anchor, and the value. */
function value(writer: FormatWriter, item: Item, indent: number): void {
  const inner = item.value ? indent + 2 : indent;
  const props = leading(writer, item.sep, inner, ['map-value-ind']);
  for (const prop of props) behind(writer, prop, indent);
  const { value: found } = item;
  if (!found) return;
  if (found.type === 'block-map' || found.type === 'block-seq') block(writer, found, indent + 2);
  else {
    if (writer.afterComment) writer.start(indent + 2);
    else writer.write(' ');
    scalar(writer, found, indent);
  }
}

function behind(writer: FormatWriter, text: string, indent: number): void {
  if (writer.afterComment) {
    writer.start(indent + 2);
    writer.write(text);
  } else writer.write(` ${text}`);
}

function listItem(writer: FormatWriter, item: Item, indent: number): void {
  const at = item.start.findIndex((part) => part.type === 'seq-item-ind');
  if (at < 0) {
    if (item.value) throw new Unsupported('item');
    writer.trivia(item.start, indent, true);
    return;
  }
  leading(writer, item.start.slice(0, at), indent, []);
  writer.dash(indent);
  const props = leading(writer, item.start.slice(at + 1), indent + 2, []);
  for (const prop of props) {
    if (writer.afterComment) writer.start(indent + 2);
    writer.write(prop);
  }
  const { value: found } = item;
  if (!found) return;
  if (found.type === 'block-map' || found.type === 'block-seq') {
    block(writer, found, indent + 2);
    return;
  }
  if (writer.afterComment) writer.start(indent + 2);
  else if (props.length > 0) writer.write(' ');
  scalar(writer, found, indent);
}

/** Writes the comments of some tokens and gives the anchors; others than these and `allowed` are refused. */
function leading(
  writer: FormatWriter,
  tokens: readonly CST.SourceToken[] | undefined,
  indent: number,
  allowed: readonly string[],
): string[] {
  const props: string[] = [];
  for (const token of tokens ?? []) {
    if (token.type === 'anchor') props.push(token.source);
    else if (token.type === 'comment' || token.type === 'newline' || token.type === 'space')
      writer.trivia([token], indent);
    else if (!allowed.includes(token.type)) throw new Unsupported(token.type);
  }
  return props;
}

function isFlowScalar(token: CST.Token): token is CST.FlowScalar {
  return (
    token.type === 'scalar' ||
    token.type === 'alias' ||
    token.type === 'single-quoted-scalar' ||
    token.type === 'double-quoted-scalar'
  );
}

/** A value that goes on where the line is. `indent` is that of the key or dash. */
function scalar(writer: FormatWriter, token: CST.Token, indent: number): void {
  if (isFlowScalar(token)) {
    const [first = '', ...rest] = token.source.split(/\r?\n/);
    writer.write(rest.length > 0 ? first.trimEnd() : first);
    for (const line of rest) writer.raw(line.trim() === '' ? '' : ' '.repeat(indent + 2) + line.trim());
    writer.trivia(token.end, indent, true);
  } else if (token.type === 'block-scalar') blockScalar(writer, token, indent);
  else if (token.type === 'flow-collection') {
    brackets(writer, token, indent);
    writer.trivia(token.end.slice(1), indent, true);
  } else throw new Unsupported(token.type);
}

function blockScalar(writer: FormatWriter, token: CST.BlockScalar, indent: number): void {
  let header = '';
  for (const prop of token.props) {
    if (prop.type === 'block-scalar-header') {
      header = prop.source;
      writer.write(header);
    } else if (prop.type === 'anchor') writer.write(`${prop.source} `);
    else if (prop.type === 'comment') writer.trailing(prop.source);
    else if (prop.type !== 'space' && prop.type !== 'newline') throw new Unsupported(prop.type);
  }
  // With a number the first spaces of a line may belong to the text.
  if (/\d/.test(header)) throw new Unsupported('indentation indicator');
  const lines = token.source.split(/\r?\n/);
  lines.pop();
  const own = Math.min(
    ...lines.filter((line) => line.trim() !== '').map((line) => line.length - line.trimStart().length),
  );
  const body = lines.map((line) =>
    line.length <= own || line.trim() === '' ? line.slice(own).trimEnd() : line.slice(own),
  );
  let kept = body.length;
  if (!header.includes('+')) while (kept > 0 && body[kept - 1] === '') kept--;
  for (const line of body.slice(0, kept)) writer.raw(line === '' ? '' : ' '.repeat(indent + 2) + line);
  writer.afterRaw(body.length - kept);
}

/** A list or mapping in brackets: on one line where it fits and holds no comment, else an entry a line. */
function brackets(writer: FormatWriter, token: CST.FlowCollection, indent: number): void {
  const line = hasComment(token) ? null : flatOrNull(token);
  if (line !== null && writer.column + line.length <= LINE) {
    writer.write(line);
    return;
  }
  if (token.items.every((item) => !item.key && !item.value)) throw new Unsupported('empty brackets with a comment');
  writer.write(token.start.source);
  for (const item of token.items) {
    const rest = item.start.filter((part) => part.type !== 'comma');
    const props = leading(writer, rest, indent + 2, []);
    if (!item.key && !item.value && !item.sep) continue;
    if (props.length > 0) throw new Unsupported('anchor in brackets');
    if (hasInnerComment(item)) throw new Unsupported('comment');
    writer.start(indent + 2);
    writer.write(`${entryText(item)},`);
    writer.trivia(trailingOf(item), indent + 2);
  }
  const close = token.end[0];
  writer.start(indent);
  writer.write(close?.source ?? '');
}

/** A comment within an entry, for which there is no place: not before it, not behind its value. */
function hasInnerComment({ key, sep, value: found }: CST.FlowCollection['items'][number]): boolean {
  const isInside = (part: CST.Token | null | undefined) => part?.type === 'flow-collection' && hasComment(part);
  const behindKey = found && key && isFlowScalar(key) ? (key.end ?? []) : [];
  return isInside(key) || isInside(found) || [...(sep ?? []), ...behindKey].some((part) => part.type === 'comment');
}

/** Comments behind an entry's value. */
function trailingOf(item: CST.FlowCollection['items'][number]): readonly CST.SourceToken[] | undefined {
  const last = item.value ?? item.key;
  return last && 'end' in last && Array.isArray(last.end) && isFlowScalar(last) ? last.end : undefined;
}

function hasComment(token: CST.Token): boolean {
  if (isFlowScalar(token)) return false;
  if (token.type !== 'flow-collection') return true;
  const isComment = (part: CST.SourceToken) => part.type === 'comment';
  return token.items.some(
    (item) =>
      item.start.some(isComment) ||
      (item.sep ?? []).some(isComment) ||
      [item.key, item.value].some(
        (part) => part && (hasComment(part) || (isFlowScalar(part) && (part.end ?? []).some(isComment))),
      ),
  );
}

function flatOrNull(token: CST.Token): string | null {
  try {
    return flat(token);
  } catch (error) {
    if (error instanceof Unsupported) return null;
    throw error;
  }
}

/** A value on one line. */
function flat(token: CST.Token): string {
  if (isFlowScalar(token)) {
    if (token.source.includes('\n')) throw new Unsupported('several lines');
    return token.source;
  }
  if (token.type !== 'flow-collection') throw new Unsupported(token.type);
  const entries = token.items.filter((item) => item.key || item.value || item.sep).map(entryText);
  return `${token.start.source}${entries.join(', ')}${token.end[0]?.source ?? ''}`;
}

function entryText(item: CST.FlowCollection['items'][number]): string {
  const anchors = (tokens: readonly CST.SourceToken[] | undefined, ...allowed: string[]) =>
    (tokens ?? []).flatMap((part) => {
      if (part.type === 'anchor') return [part.source];
      if (['comma', 'space', 'newline', 'comment', ...allowed].includes(part.type)) return [];
      throw new Unsupported(part.type);
    });
  const start = anchors(item.start);
  const found = item.value ? [flat(item.value)] : [];
  const hasColon = (item.sep ?? []).some((part) => part.type === 'map-value-ind');
  if (!hasColon) return [...start, ...(item.key ? [flat(item.key)] : []), ...found].join(' ');
  const key = [...start, ...(item.key ? [flat(item.key)] : [])].join(' ');
  const colon = item.key?.type === 'alias' ? ' :' : ':';
  return [`${key}${colon}`, ...anchors(item.sep, 'map-value-ind'), ...found].join(' ');
}

/** What a file says, whatever its layout. */
function signature(node: Node | null): string {
  return JSON.stringify(plain(node));
}

function plain(node: Node | null): unknown {
  if (node === null) return null;
  if (node.kind === 'list') return node.items.map(plain);
  if (node.kind === 'map')
    return { map: node.entries.map(({ key, value: inner }) => [key.source, key.style, plain(inner)]) };
  return [node.style, node.value, node.source.replace(/\s+/g, ' ')];
}

/** The comments of a text in their order. */
function comments(text: string): string[] {
  const found: string[] = [];
  const visit = (token: unknown): void => {
    if (Array.isArray(token)) token.forEach(visit);
    else if (token !== null && typeof token === 'object') {
      const { type, source } = token as { type?: string; source?: string };
      if (type === 'comment') found.push(String(source).trimEnd());
      else for (const part of Object.values(token)) visit(part);
    }
  };
  for (const token of new Parser().parse(text)) visit(token);
  return found;
}
