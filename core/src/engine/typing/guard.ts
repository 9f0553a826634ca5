import { literal } from '../../model/sql.ts';
import type { DataType } from '../../model/type.ts';

/** How one column's values are to be read. */
export interface CastRule {
  type: DataType;
  /** strftime pattern of dates and times in text; null: ISO 8601. */
  format: string | null;
  /** Decimal mark and thousands mark of numbers in text; null: a point, and none. */
  decimal: string | null;
  thousands: string | null;
  /** Implied decimals: text of digits whose last `scale` digits stand behind the point. */
  scale: number | null;
  /** An inferred type takes canonical texts only; a declared one also what can be read in one way without loss. */
  inferred: boolean;
}

/** SQL expressions for one column. All of them may be used in one query. */
export interface GuardedCast {
  /** The value; NULL where it is bad, and where there is none. */
  value: string;
  /** BOOLEAN, never NULL: the value cannot be kept under the type. */
  bad: string;
  /** The value, or `onBad` (an SQL expression such as a call of error()) where it is bad; parses each value fewer times than `bad` and `value` together. */
  checked(onBad: string): string;
}

/** `ok` is true where `value` keeps all that `expr` says; `value` must not raise whatever `expr` holds. */
export interface Guard {
  ok: string;
  value: string;
}

/** A rule that takes every value. */
export const ALWAYS = 'true';

/** A SQL test that the whole text matches an RE2 pattern. */
export function matches(expr: string, pattern: string): string {
  return `regexp_full_match(${expr}, ${literal(pattern)})`;
}

export function tryCast(expr: string, engineType: string): string {
  return `try_cast(${expr} AS ${engineType})`;
}

/** Puts a guard together; `empty`, where given, says which values besides NULL stand for no value. */
export function guarded(expr: string, guard: Guard, empty: string | null): GuardedCast {
  if (guard.ok === ALWAYS) return { value: guard.value, bad: 'false', checked: () => guard.value };
  const none = empty === null ? '' : ` WHEN ${empty} THEN false`;
  const noValue = empty === null ? '' : ` WHEN ${empty} THEN NULL`;
  return {
    value: `CASE WHEN ${guard.ok} THEN ${guard.value} END`,
    bad: `CASE WHEN (${expr}) IS NULL THEN false WHEN ${guard.ok} THEN false${none} ELSE true END`,
    checked: (onBad) =>
      `CASE WHEN (${expr}) IS NULL THEN NULL WHEN ${guard.ok} THEN ${guard.value}${noValue} ELSE ${onBad} END`,
  };
}
