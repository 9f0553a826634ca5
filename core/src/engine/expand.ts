import { tableParts } from '../connectors/shared/table-name.ts';
import type { Context } from '../model/component.ts';
import { SluiceError } from '../model/error.ts';
import type { Stream } from '../model/job.ts';
import { isTablePattern, patternParts, tableMatcher } from '../model/table-pattern.ts';
import * as registry from '../registry.ts';
import * as specs from '../specs.ts';
import { pick } from './components.ts';
import { engineFailure } from './failures.ts';

/** What became of an entry of a job's streams; `index` is its place among them. */
export type Expanded =
  | { index: number; stream: Stream; table: FoundTable | null }
  | { index: number; error: SluiceError };

export interface FoundTable {
  /** The stream's name. */
  name: string;
  /** The table that it fills. */
  target: string;
  /** As `source.table` wants it. */
  table: string;
}

/**
 * The streams of a job with one for each table in the place of those whose table is a pattern. A pattern that cannot be looked
 * up or matches nothing is an entry with its error: the others are not held up by it.
 */
export async function expandStreams(
  streams: readonly Stream[],
  ctx: Context & { projectDir: string },
): Promise<Expanded[]> {
  const names = new Set(streams.filter((s) => !s.tables).map((s) => s.name));
  const expanded: Expanded[] = [];
  for (const [index, stream] of streams.entries()) {
    if (!stream.tables || !stream.enabled) {
      expanded.push({ index, stream, table: null });
      continue;
    }
    try {
      for (const table of await tablesOf(stream, ctx)) {
        if (names.has(table.name)) throw sameName(stream, table);
        names.add(table.name);
        expanded.push({ index, stream: streamOfTable(stream, table), table });
      }
    } catch (error) {
      const known = engineFailure(error, { stream: stream.name }, false);
      expanded.push({ index, error: known });
    }
  }
  return expanded;
}

/** The stream of one table of a pattern. */
export function streamOfTable(stream: Stream, { name, table, target }: FoundTable): Stream {
  const { tables: _, ...rest } = stream;
  return {
    ...rest,
    name,
    source: { ...stream.source, settings: { ...stream.source.settings, table } },
    destination: { ...stream.destination, table: target },
  };
}

async function tablesOf(stream: Stream, ctx: Context & { projectDir: string }): Promise<FoundTable[]> {
  const { tables } = stream;
  if (!tables) return [];
  const { type, settings } = stream.source;
  const source = await pick(registry.sources, 'source', type);
  const spec = specs.sources[type];
  const schema = spec?.capabilities.default_schema;
  const { table: _, ...connection } = settings;
  const found = (await source.discover?.({ ...ctx, settings: connection })) ?? [];
  const wanted = tableMatcher([tables.pattern], schema);
  const parts = patternParts(tables.pattern);
  const inSchema = (name: string) => (patternParts(name).length === 1 ? [...parts.slice(0, -1), name].join('.') : name);
  const excluded = tableMatcher(tables.exclude.map(inSchema), schema);
  const taken = tableMatcher(tables.taken, schema);
  // Where a pattern goes over schemas, one name may stand in several.
  const full = parts.length > 1 && parts.slice(0, -1).some(isTablePattern);
  const matches: FoundTable[] = [];
  for (const { settings: own, view } of found) {
    const names = tableParts(String(own.table), 3);
    if (view === true || !wanted(names) || excluded(names) || taken(names)) continue;
    const qualified = names.length === 1 && schema !== undefined ? [schema, ...names] : names;
    const target = full ? qualified.join('_') : (names.at(-1) ?? '');
    // A slash stands between job and stream.
    matches.push({ name: target.replaceAll('/', '_'), target, table: String(own.table) });
  }
  if (matches.length > 0) return matches;
  throw new SluiceError('source/no-table', 'config', `No table matches ${tables.pattern}`, {
    where: { stream: stream.name },
    hint: 'Check the pattern and `exclude`, and that the user may read the tables; views are not taken by patterns.',
  });
}

function sameName(stream: Stream, { name, table }: FoundTable): SluiceError {
  return new SluiceError('stream/duplicate-name', 'config', `${table} would be a second stream ${name}`, {
    where: { stream: stream.name },
    hint: 'Give it an entry of its own with another name, or `exclude` it.',
  });
}
