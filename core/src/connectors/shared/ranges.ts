import { SluiceError } from '../../model/error.ts';

/** One part of the rows of a table or query: a condition in the system's SQL, null for all, and its size where that is known. */
export interface Part {
  where: string | null;
  bytes: number | null;
  /** Where the driver of another thread finds a session that sees what this one's would; left out: its own does. */
  session?: string;
}

/** Below this a table is read at once. */
export const SMALL_BYTES = 8_000_000;
/** Parts of about this size are worth a statement of their own: each lies on the disk for a while. */
const PART_BYTES = 128_000_000;
const MAX_PARTS = 1000;

/** How many parts rows of so many bytes (null: not known) are worth, where so many can be read side by side. */
export function partCount(bytes: number | null, sideBySide: number): number {
  const wanted = bytes === null ? sideBySide : bytes < SMALL_BYTES ? 1 : Math.max(sideBySide, bytes / PART_BYTES);
  return Math.min(MAX_PARTS, Math.ceil(wanted));
}

/**
 * Parts between bounds, which are values in SQL, in their order and each once: together they are every row, each in one part; rows
 * without a value are in the first.
 */
export function partsBetween(name: string, bounds: readonly string[], bytes: number | null): Part[] {
  if (bounds.length === 0) return [{ where: null, bytes }];
  const edges = [null, ...bounds, null];
  const share = bytes === null ? null : Math.round(bytes / (bounds.length + 1));
  return edges.slice(0, -1).map((low, i) => {
    const high = edges[i + 1] ?? null;
    const range = [
      ...(low === null ? [] : [`${name} >= ${low}`]),
      ...(high === null ? [] : [`${name} < ${high}`]),
    ].join(' AND ');
    return { where: low === null ? `(${range} OR ${name} IS NULL)` : range, bytes: share };
  });
}

/** Whole numbers that divide low … high into about equal parts. */
export function numbersBetween(low: bigint, high: bigint, count: number): bigint[] {
  const steps = Array.from({ length: count - 1 }, (_, i) => low + ((high - low) * BigInt(i + 1)) / BigInt(count));
  return [...new Set(steps)].filter((bound) => bound > low);
}

const NUMBERS: ReadonlySet<string> = new Set(['int', 'bigint', 'decimal']);
const TIMES: ReadonlySet<string> = new Set(['date', 'timestamp', 'timestamptz']);

/**
 * Texts that divide low … high, as ISO 8601 or as numbers whose fraction does not matter, into about equal parts. null: values of that
 * kind are not divided.
 */
export function textsBetween(kind: string, low: string, high: string, count: number): string[] | null {
  if (NUMBERS.has(kind)) {
    const whole = (text: string) => BigInt(text.trim().replace(/[.].*$/, '') || '0');
    return numbersBetween(whole(low), whole(high), count).map(String);
  }
  if (!TIMES.has(kind)) return null;
  const instant = (text: string) =>
    BigInt(Date.parse(`${text.trim().slice(0, 19).replace(' ', 'T')}${kind === 'date' ? '' : 'Z'}`));
  const unit = kind === 'date' ? 86_400_000n : 1n;
  const steps = numbersBetween(instant(low) / unit, instant(high) / unit, count);
  return steps.map((step) => {
    const iso = new Date(Number(step * unit)).toISOString();
    if (kind === 'date') return iso.slice(0, 10);
    return `${iso.slice(0, -1)}000${kind === 'timestamptz' ? 'Z' : ''}`;
  });
}

/** The column that rows are to be divided by. Throws `source/partition` where there is none of that name, or of a kind that is not divided. */
export function partitionColumn<C extends { name: string }>(
  on: string,
  columns: readonly C[],
  kindOf: (column: C) => string,
): C {
  const column = columns.find(({ name }) => name === on);
  const made = (message: string, hint: string) =>
    new SluiceError('source/partition', 'config', message, { where: { column: on }, hint });
  if (!column) {
    const known = columns.map(({ name }) => name).join(', ');
    throw made(`There is no column ${on} to divide the rows by`, `\`partition_on\` is one of ${known}.`);
  }
  const kind = kindOf(column);
  if (!NUMBERS.has(kind) && !TIMES.has(kind))
    throw made(`Rows cannot be divided by ${on}`, 'Name a column of whole numbers, dates or times as `partition_on`.');
  return column;
}
