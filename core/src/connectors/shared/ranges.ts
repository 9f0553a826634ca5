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
