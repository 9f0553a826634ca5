import type { FormatReader, SourceSession, Split } from '../model/component.ts';
import type { Stream } from '../model/job.ts';
import * as registry from '../registry.ts';
import * as specs from '../specs.ts';
import { pick } from './components.ts';
import { HEAD, kindOf } from './compression/magic.ts';
import { formatByName } from './format-of.ts';

/** Pieces of a file are about this large at the least: a task more is worth its start from there on. */
export const PIECE = { bytes: 16_000_000 };

/**
 * Large files in pieces, where the source has them at hand, they are not compressed, and the format's rows are lines that can be
 * told apart from anywhere in the file. A piece is a split of its own; the ledger knows the file alone.
 */
export async function divided(
  splits: readonly Split[],
  session: SourceSession,
  stream: Stream,
  tasks: number,
): Promise<Split[]> {
  if (tasks < 2 || session.transfers !== undefined || !session.head) return [...splits];
  const type = stream.format?.type ?? formatByName(splits[0]?.file?.path ?? '');
  if (type === null || !Object.hasOwn(registry.formats, type)) return [...splits];
  const reader = await pick(registry.formats, 'format', type);
  if (!reader.divisible) return [...splits];
  const pieces: Split[] = [];
  for (const split of splits) {
    const size = split.file?.size ?? 0;
    const count = Math.min(tasks, Math.floor(size / PIECE.bytes));
    const divide = count > 1 && !split.archive && (await isDivisible(session, split, stream, reader));
    if (!divide) pieces.push(split);
    else for (let i = 0; i < count; i++) pieces.push(pieceOf(split, size, i, count));
  }
  return pieces.map((split, ordinal) => ({ ...split, ordinal }));
}

/**
 * Whether the engine's own threads do what tasks would: rows go from files at hand, which are not compressed, straight into a
 * destination, and it is the engine that reads the ones and fills the other.
 */
export async function oneTaskIsAll(
  format: string,
  splits: readonly Split[],
  session: SourceSession,
  { destination }: Stream,
): Promise<boolean> {
  const reads = Object.hasOwn(specs.formats, format) && specs.formats[format]?.capabilities.parallel === 'engine';
  const [first] = splits;
  if (!reads || specs.destinations[destination.type]?.capabilities.parallel !== 'engine') return false;
  if (!first || session.transfers !== undefined || !session.head) return false;
  return splits.every(({ archive }) => !archive) && kindOf(await session.head(first, HEAD)) === null;
}

async function isDivisible(
  session: SourceSession,
  split: Split,
  stream: Stream,
  reader: FormatReader,
): Promise<boolean> {
  const { compression = 'auto' } = stream.source.settings;
  if (compression !== 'auto' && compression !== 'none') return false;
  const head = compression === 'auto' ? await session.head?.(split, HEAD) : undefined;
  if (head && kindOf(head) !== null) return false;
  // Its files lie on this machine, so nothing is fetched.
  const file = await session.fetch(split, '');
  return (await reader.divisible?.(file, stream.format?.settings ?? {})) ?? false;
}

function pieceOf(split: Split, size: number, index: number, count: number): Split {
  const from = Math.floor((size * index) / count);
  const to = Math.floor((size * (index + 1)) / count);
  return { ...split, bytes: to - from, range: [from, to] };
}
