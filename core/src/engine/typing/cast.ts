import { SluiceError } from '../../model/error.ts';
import { literal } from '../../model/sql.ts';
import { type DataType, formatType, sameType } from '../../model/type.ts';
import { ALWAYS, type CastRule, type Guard, type GuardedCast, guarded, matches, tryCast } from './guard.ts';
import { jsonGuard } from './nested.ts';
import { numberGuard } from './numbers.ts';
import { temporalGuard } from './temporal.ts';
import { typedGuard } from './typed.ts';

export type { CastRule, GuardedCast } from './guard.ts';

/** A rule with nothing but a type. */
export function plainRule(type: DataType, inferred: boolean): CastRule {
  return { type, format: null, decimal: null, thousands: null, scale: null, inferred };
}

/**
 * SQL that reads `expr` as `rule.type` and knows where that would lose something. `from` is the type that `expr` has;
 * null is text. An empty text is no value under every type but text. Throws `typing/cast` (config) where no value of
 * `from` could be kept, and `typing/format` for a pattern that cannot be read.
 */
export function guardedCast(expr: string, from: DataType | null, rule: CastRule): GuardedCast {
  if (from === null || from.kind === 'text') return textCast(expr, rule);
  if (from.kind === 'json' && rule.type.kind !== 'json')
    return guarded(expr, jsonGuard(expr, rule, textCast), jsonNull(expr));
  if (rule.scale !== null && rule.scale > 0) return textCast(`(${expr})::VARCHAR`, rule);
  if (sameType(from, rule.type)) return guarded(expr, { ok: ALWAYS, value: expr }, null);
  const guard = typedGuard(expr, from, rule.type);
  if (guard) return guarded(expr, guard, null);
  throw new SluiceError('typing/cast', 'config', `A ${formatType(from)} cannot become a ${formatType(rule.type)}.`, {
    hint: 'Declare another type, or derive the value with an expression.',
  });
}

function jsonNull(expr: string): string {
  return `json_type(${expr}) = 'NULL'`;
}

function textCast(expr: string, rule: CastRule): GuardedCast {
  if (rule.type.kind === 'text') return guarded(expr, { ok: ALWAYS, value: expr }, null);
  const empty = rule.inferred ? `(${expr}) = ''` : `trim(${expr}) = ''`;
  return guarded(expr, textGuard(expr, rule), empty);
}

function textGuard(expr: string, rule: CastRule): Guard {
  switch (rule.type.kind) {
    case 'int':
    case 'bigint':
    case 'double':
    case 'decimal':
      return numberGuard(expr, rule);
    case 'date':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return temporalGuard(expr, rule.type.kind, rule);
    case 'boolean':
      return booleanGuard(expr, rule.inferred);
    case 'uuid':
      return uuidGuard(expr, rule.inferred);
    case 'binary':
      return binaryGuard(expr);
    case 'json':
    case 'list':
    case 'struct':
      return jsonGuard(expr, rule, textCast);
    case 'text':
      return { ok: ALWAYS, value: expr };
  }
}

function booleanGuard(expr: string, inferred: boolean): Guard {
  if (inferred) return { ok: `lower(${expr}) IN ('true', 'false')`, value: tryCast(expr, 'BOOLEAN') };
  const word = `lower(trim(${expr}))`;
  const yes = ['true', 't', 'yes', 'y', '1'].map(literal).join(', ');
  const no = ['false', 'f', 'no', 'n', '0'].map(literal).join(', ');
  return { ok: `${word} IN (${yes}, ${no})`, value: `(${word} IN (${yes}))` };
}

function uuidGuard(expr: string, inferred: boolean): Guard {
  const value = tryCast(inferred ? expr : `trim(${expr})`, 'UUID');
  if (inferred) return { ok: `${value}::VARCHAR = (${expr})`, value };
  const grouped = '[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}';
  const shape = ` *(?:${grouped}|\\{${grouped}\\}|[0-9a-fA-F]{32}) *`;
  return { ok: `(${matches(expr, shape)} AND ${value} IS NOT NULL)`, value };
}

/** Bytes are written in hexadecimal, bare or behind `\x` or `0x`. */
function binaryGuard(expr: string): Guard {
  const pattern = ' *(?:(?:\\\\x|0x)(?:[0-9a-fA-F]{2})*|(?:[0-9a-fA-F]{2})+) *';
  const digits = `regexp_replace(trim(${expr}), '^(\\\\x|0x)', '')`;
  // Reading is put behind its own test, because the engine's function raises on other texts.
  return {
    ok: matches(expr, pattern),
    value: `unhex(CASE WHEN ${matches(expr, pattern)} THEN ${digits} END)`,
  };
}
