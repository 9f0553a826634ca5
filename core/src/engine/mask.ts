import { createHash } from 'node:crypto';
import type { Engine } from '../model/component.ts';
import { toDuckType } from '../model/duck.ts';
import { SluiceError } from '../model/error.ts';
import type { ColumnRule, Stream } from '../model/job.ts';
import { literal } from '../model/sql.ts';
import type { DataType } from '../model/type.ts';

export type Mask = NonNullable<ColumnRule['mask']>;

const TEXT: DataType = { kind: 'text' };

/** Bytes of a block of SHA-256, to which HMAC pads its key. */
const BLOCK = 64;
const INNER = '_sluice_mask_inner';
const OUTER = '_sluice_mask_outer';

/** Whether any column is masked: then no text of the data may stand in an error, and no row that was not split be kept. */
export function masksAny(stream: Stream): boolean {
  return stream.columns.some((column) => column.mask !== null);
}

/** The mask of a column by its name after the transforms; names that differ only in case are one. */
export function maskOf(stream: Stream, name: string): Mask | null {
  const lower = name.toLowerCase();
  return stream.columns.find((column) => column.name.toLowerCase() === lower)?.mask ?? null;
}

/** The type that a column has once it is masked. */
export function maskedType(type: DataType, mask: Mask | null): DataType {
  return mask === 'hash' || mask === 'partial' ? TEXT : type;
}

/**
 * SQL of a value's mask. Null stays null. `hash`: HMAC-SHA-256 in hexadecimal of the value's text; `redact`: `***`, or null
 * under every type but text; `partial`: the last 4 characters of 8 or more behind `****`. `hash` wants `prepareMasks`.
 */
export function maskSql(expr: string, type: DataType, mask: Mask | null): string {
  const text = type.kind === 'text' ? `(${expr})` : `(${expr})::VARCHAR`;
  switch (mask) {
    case 'hash':
      return `sha256(getvariable('${OUTER}') || unhex(sha256(getvariable('${INNER}') || encode(${text}))))`;
    case 'redact':
      return type.kind === 'text' ? `CASE WHEN (${expr}) IS NOT NULL THEN '***' END` : `NULL::${toDuckType(type)}`;
    case 'partial':
      return `'****' || CASE WHEN length(${text}) >= 8 THEN right(${text}, 4) ELSE left(${text}, 0) END`;
    default:
      return expr;
  }
}

/** The masks of the source's own columns, for rows that are set aside before they have types. */
export function sourceMasks(stream: Stream): { of: ReadonlyMap<string, Mask>; withhold: boolean } {
  const masked = stream.columns.filter((column) => column.mask !== null);
  return {
    of: new Map(masked.flatMap((column) => (column.from !== null && column.mask ? [[column.from, column.mask]] : []))),
    // What a step makes such a column of is not known here.
    withhold: masked.some((column) => column.derived),
  };
}

/**
 * Gives the engine the masking key, as variables that no user SQL can read, so that no statement and no engine error holds it.
 * Throws `mask/key` where a column is hashed and there is no key.
 */
export async function prepareMasks(engine: Engine, stream: Stream): Promise<void> {
  if (!stream.columns.some((column) => column.mask === 'hash')) return;
  const key = stream.masking_key ?? '';
  if (key === '') {
    throw new SluiceError('mask/key', 'config', 'A column has `mask: hash`, and the masking key is empty', {
      where: { stream: stream.name },
      hint: 'Give `masking.key` of sluice.yaml a value: `${env:SLUICE_MASK_KEY}`.',
    });
  }
  const [inner, outer] = paddedKeys(key);
  try {
    await engine.run(`SET VARIABLE ${INNER} = ${blob(inner)}`);
    await engine.run(`SET VARIABLE ${OUTER} = ${blob(outer)}`);
  } catch {
    // Without its cause, which may show the statement.
    throw new SluiceError('mask/key', 'terminal', 'The engine did not take the masking key');
  }
}

function paddedKeys(key: string): [Buffer, Buffer] {
  const bytes = Buffer.from(key, 'utf8');
  const block = Buffer.alloc(BLOCK);
  (bytes.length > BLOCK ? createHash('sha256').update(bytes).digest() : bytes).copy(block);
  return [block.map((byte) => byte ^ 0x36), block.map((byte) => byte ^ 0x5c)].map((pad) => Buffer.from(pad)) as [
    Buffer,
    Buffer,
  ];
}

function blob(bytes: Buffer): string {
  return `unhex(${literal(bytes.toString('hex'))})`;
}
