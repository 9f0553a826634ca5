import type { Fix } from '../model/diagnostic.ts';
import type { Schema } from '../spec/schema.ts';
import type { Entry, MapNode } from '../text/node.ts';
import type { Host } from './host.ts';
import { listWords, lookAlikes, meant } from './suggest.ts';

/** Keys of the language that this version does not have yet. */
const LATER: ReadonlySet<string> = new Set(['processing']);

/** What other tools do in a step and this language does elsewhere. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  rename: 'a column gets another name under `columns`: `{name: new, from: old}`',
  rename_columns: 'a column gets another name under `columns`: `{name: new, from: old}`',
  cast: 'a column gets its type under `columns`: `{name: amount, type: "decimal(12,2)"}`',
  mask: 'a column is masked under `columns`: `{name: email, mask: hash}`',
  sort: 'tables have no order; `dedupe` takes `order_by`',
  order_by: 'tables have no order; `dedupe` takes `order_by`',
  join: 'a job reads one source; join in the warehouse, or in the query of a database source',
  aggregate: 'write it as `sql`: `select …, count(*) from input group by …`',
  group_by: 'write it as `sql`: `select …, count(*) from input group by …`',
};

/** Reports a key that the schema does not have; returns the key that was probably meant where that one is not given. */
export function reportUnknownKey(
  host: Host,
  map: MapNode,
  entry: Entry,
  schema: Schema,
  known: readonly string[],
): string | undefined {
  const key = entry.key.source;
  const suggestion = meant(key, known, schema['x-synonyms']);
  const message = unknownMessage(key, suggestion, known, schema);
  const free = suggestion !== undefined && !map.entries.some((other) => other.key.source === suggestion);
  const fix = free && !entry.merged ? renameKey(entry, suggestion) : undefined;
  host.report('schema/unknown-key', entry.key, message, { fix });
  return free ? suggestion : undefined;
}

function unknownMessage(key: string, suggestion: string | undefined, known: readonly string[], schema: Schema): string {
  if (suggestion !== undefined)
    return `\`${key}\` is no key here; did you mean \`${suggestion}\`?${lookAlikes(key, suggestion)}`;
  if (LATER.has(key)) return `\`${key}\` is not built yet: it would do nothing.`;
  const other = ELSEWHERE[key.toLowerCase()];
  if (other !== undefined && schema['x-step']) return `\`${key}\` is no step here; ${other}.`;
  const home = homeOf(key, schema);
  if (home) return `\`${key}\` is no key here; it stands under ${home}.`;
  if (known.length === 0) return `\`${key}\` is no key here; there are none.`;
  return `\`${key}\` is no key here; possible are ${listWords(known)}.`;
}

/** Where among the mappings of this one a key, or another tool's word for one, would be right. */
function homeOf(key: string, schema: Schema): string | undefined {
  for (const [name, inner] of Object.entries(schema.properties ?? {})) {
    for (const variant of [inner, ...Object.values(inner['x-union']?.of ?? {})]) {
      if (variant.properties && Object.hasOwn(variant.properties, key)) return `\`${name}\``;
    }
  }
  for (const [name, inner] of Object.entries(schema.properties ?? {})) {
    const words = inner['x-synonyms'];
    if (words && Object.hasOwn(words, key)) return `\`${name}\` and is called \`${words[key]}\``;
  }
  return undefined;
}

function renameKey(entry: Entry, to: string): Fix {
  return { title: `Rename to \`${to}\``, edits: [{ range: entry.key.range, text: to }] };
}
