import type { Document, Node } from '../text/node.ts';
import { parseDocument } from '../text/parse.ts';

const cache = new WeakMap<Document, Document>();

/**
 * The document, or, where its text is not whole YAML, one of the same length with the parts blanked out that cannot be read: what
 * is half written never takes the rest of the file with it. Offsets stay those of the text.
 */
export function readable(document: Document): Document {
  if (!document.broken) return document;
  let made = cache.get(document);
  if (!made) {
    made = parseDocument(withoutBroken(document.text, document.file), document.file);
    cache.set(document, made);
  }
  return made;
}

/**
 * Blanks out the top-level blocks that are not YAML by themselves, and in them only the lines that do it where that is
 * enough. `kind`: what the text is a part of, the items of a list or the keys of a mapping.
 */
export function withoutBroken(text: string, file: string, kind: Node['kind'] = 'map'): string {
  if (kind === 'list') return mended(text, file, 'list');
  return blocksOf(text)
    .map((block) => (isWhole(block, file) ? block : mended(block, file)))
    .join('');
}

/** Top-level blocks: a line that begins at the margin and what is indented under it. */
function blocksOf(text: string): string[] {
  const blocks: string[] = [];
  let from = 0;
  for (const match of text.matchAll(/^(?=[^\s#-])/gm)) {
    if (match.index > from) blocks.push(text.slice(from, match.index));
    from = match.index;
  }
  blocks.push(text.slice(from));
  return blocks;
}

function isWhole(text: string, file: string, kind: Node['kind'] = 'map'): boolean {
  if (text.trim() === '') return true;
  const { broken, root } = parseDocument(text, file);
  // A word alone is YAML, but no part of a mapping.
  return !broken && (root === null || root.kind === kind);
}

/** More tries than this cost more than a block is worth. */
const MOST_TRIES = 40;

function mended(block: string, file: string, kind: Node['kind'] = 'map'): string {
  let text = block;
  for (let i = 0; i < MOST_TRIES; i++) {
    const document = parseDocument(text, file);
    if (!document.broken) return isWhole(text, file, kind) ? text : blank(block);
    const at = document.diagnostics[0]?.range.start ?? 0;
    const start = text.lastIndexOf('\n', Math.max(0, at - 1)) + 1;
    const end = text.indexOf('\n', start);
    const line = text.slice(start, end < 0 ? text.length : end);
    if (line.trim() === '') break;
    text = text.slice(0, start) + blank(line) + text.slice(start + line.length);
  }
  return blank(block);
}

function blank(text: string): string {
  return text.replace(/[^\r\n]/g, ' ');
}
