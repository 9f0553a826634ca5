import { isJsonObject, type Json, type JsonObject } from '../model/json.ts';
import { blockEdit, type Edit, edited, flowText, indentOf, inFlow, lastValue } from './edit.ts';
import { type Document, type Entry, entryOf, type MapNode } from './node.ts';
import { writeYaml } from './write.ts';

/**
 * The text of a file with some of its keys set, `null` taking one away: an object is laid over the mapping that is there, key by key, and
 * anything else takes the place of what is there. Comments, order and all other text stay. null: the file is no mapping.
 */
export function setInto({ text, root }: Document, changes: JsonObject): string | null {
  return root?.kind === 'map' ? edited(text, editsOf(text, root, changes)) : null;
}

function editsOf(text: string, map: MapNode, changes: JsonObject): Edit[] {
  const edits: Edit[] = [];
  const added: JsonObject = {};
  for (const [key, value] of Object.entries(changes)) {
    const entry = entryOf(map, key);
    const own = entry && !entry.merged ? entry : undefined;
    if (own) edits.push(...change(text, map, own, value));
    else if (value !== null) added[key] = withoutNulls(value);
  }
  const whole = Object.entries(added).filter(([, value]) => !isJsonObject(value) || Object.keys(value).length > 0);
  if (whole.length === 0) return edits;
  const more = Object.fromEntries(whole);
  if (map.flow || map.entries.length === 0) return [...edits, inFlow(text, map, more)];
  return [...edits, blockEdit(text, lastValue(map), indentOf(text, map), writeYaml(more))];
}

function change(text: string, map: MapNode, entry: Entry, value: Json): Edit[] {
  if (value === null) return [removal(text, map, entry)];
  const { key, value: node } = entry;
  if (isJsonObject(value) && node.kind === 'map') {
    const left = node.entries.filter((one) => !(one.key.source in value) || value[one.key.source] !== null);
    const isGone = left.length === 0 && Object.values(value).every((one) => one === null);
    return isGone ? [removal(text, map, entry)] : editsOf(text, node, value);
  }
  const colon = text.indexOf(':', key.range.end);
  return [{ at: colon + 1, to: Math.max(colon + 1, node.range.end), text: ` ${flowText(withoutNulls(value))}` }];
}

/** Of a block whole lines, with the comment behind the value; in braces with one comma. */
function removal(text: string, map: MapNode, { key, value }: Entry): Edit {
  const end = Math.max(key.range.end, value.range.end);
  if (!map.flow) {
    const at = text.lastIndexOf('\n', key.range.start - 1) + 1;
    const next = text.indexOf('\n', Math.max(at, trimmedEnd(text, end)));
    return { at, to: next < 0 ? text.length : next + 1, text: '' };
  }
  const behind = /^\s*,\s*/.exec(text.slice(end));
  if (behind) return { at: key.range.start, to: end + behind[0].length, text: '' };
  const before = /,?\s*$/.exec(text.slice(0, key.range.start));
  return { at: key.range.start - (before?.[0].length ?? 0), to: end, text: '' };
}

/** A block may end with the line end of its last line. */
function trimmedEnd(text: string, end: number): number {
  let at = end;
  while (at > 0 && /\s/.test(text[at - 1] ?? '')) at--;
  return at;
}

function withoutNulls(value: Json): Json {
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) => (inner === null ? [] : [[key, withoutNulls(inner)]])),
  );
}
