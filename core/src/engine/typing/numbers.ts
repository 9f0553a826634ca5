import { castText, toDuckType } from '../../model/duck.ts';
import { escapeRegex } from '../../model/regex.ts';
import { literal } from '../../model/sql.ts';
import type { DataType } from '../../model/type.ts';
import { type CastRule, type Guard, matches, tryCast } from './guard.ts';

type NumberRule = Omit<CastRule, 'type'> & { type: DataType };

const CANONICAL = '-?(?:0|[1-9][0-9]*)';
/** Most digits that a double keeps whatever they are. */
const DOUBLE_DIGITS = 15;

/** The guard of a text that is read as int, bigint, decimal or double. */
export function numberGuard(expr: string, rule: NumberRule): Guard {
  if (rule.scale !== null && rule.scale > 0) return impliedDecimals(expr, rule, rule.scale);
  if ((rule.decimal ?? '.') !== '.' || rule.thousands !== null) return marked(expr, rule);
  return plain(expr, rule);
}

function plain(expr: string, rule: NumberRule): Guard {
  if (rule.type.kind === 'double') return rule.inferred ? exactDouble(expr) : anyDouble(expr);
  if (rule.type.kind === 'decimal') return decimal(expr, rule.type.precision, rule.type.scale, rule.inferred);
  return integer(expr, toDuckType(rule.type), rule.inferred);
}

function integer(expr: string, engineType: string, inferred: boolean): Guard {
  const value = tryCast(expr, engineType);
  const reprinted = `${value}::VARCHAR = (${expr})`;
  if (inferred) return { ok: reprinted, value };
  const loose = `${matches(expr, ' *[+-]?[0-9]+(?:[.]0*)? *')} AND ${value} IS NOT NULL`;
  return { ok: `(${reprinted} OR (${loose}))`, value };
}

function decimal(expr: string, precision: number, scale: number, inferred: boolean): Guard {
  const value = castText(expr, { kind: 'decimal', precision, scale });
  const fraction = `(?:[.][0-9]{0,${scale}}0*)?`;
  const pattern = inferred ? `${CANONICAL}(?:[.][0-9]{1,${Math.max(scale, 1)}}0*)?` : ` *[+-]?[0-9]*${fraction} *`;
  const exact = inferred && scale === 0 ? CANONICAL : pattern;
  return { ok: `(${value}::VARCHAR = (${expr}) OR (${matches(expr, exact)} AND ${value} IS NOT NULL))`, value };
}

function exactDouble(expr: string): Guard {
  const value = tryCast(expr, 'DOUBLE');
  const digits = `ltrim(replace(ltrim(${expr}, '-'), '.', ''), '0')`;
  const kept = `CASE WHEN contains(${expr}, '.') THEN rtrim(${digits}, '0') ELSE ${digits} END`;
  const plainNumber = `${matches(expr, `${CANONICAL}(?:[.][0-9]+)?`)} AND (strlen(${expr}) <= ${DOUBLE_DIGITS} OR strlen(${kept}) <= ${DOUBLE_DIGITS})`;
  // `12E3` is as often a code as a number; printed floats have a point before or a sign behind the E.
  const mantissa = `-?[1-9](?:[.][0-9]{1,${DOUBLE_DIGITS - 1}})?`;
  const printedFloat = `${matches(expr, `${mantissa}[eE][+-][0-9]{1,3}|-?[1-9][.][0-9]{1,${DOUBLE_DIGITS - 1}}[eE][0-9]{1,3}`)} AND abs(${value}) BETWEEN 1e-300 AND 1e300`;
  return { ok: `((${plainNumber}) OR (${printedFloat}))`, value };
}

function anyDouble(expr: string): Guard {
  const value = tryCast(expr, 'DOUBLE');
  const number = matches(expr, ' *[+-]?(?:[0-9]+[.]?[0-9]*|[.][0-9]+)(?:[eE][+-]?[0-9]+)? *');
  // An overflow gives infinity and an underflow zero: neither is what the text says.
  const kept = `isfinite(${value}) AND (${value} <> 0 OR NOT ${matches(expr, '[^eE]*[1-9].*')})`;
  const named = matches(expr, ' *(?:NaN|nan|NAN|[+-]?(?:inf|Inf|INF|[Ii]nfinity|INFINITY)) *');
  return { ok: `((${number} AND ${kept}) OR (${named} AND ${value} IS NOT NULL))`, value };
}

/** Numbers with declared marks are checked by their own pattern and then rewritten with a point and no groups. */
function marked(expr: string, rule: NumberRule): Guard {
  const point = escapeRegex(rule.decimal ?? '.');
  const digits = rule.inferred ? '(?:0|[1-9][0-9]*)' : '[0-9]+';
  const groups = rule.thousands === null ? null : `[1-9][0-9]{0,2}(?:${escapeRegex(rule.thousands)}[0-9]{3})+`;
  const whole = groups === null ? digits : `(?:${groups}|${digits})`;
  const fraction = rule.inferred ? `(?:${point}[0-9]+)?` : `(?:${point}[0-9]*)?`;
  const sign = rule.inferred ? '-?' : '[+-]?';
  const bare = rule.inferred ? '' : `|${sign}${point}[0-9]+`;
  const pattern = rule.inferred ? `${sign}${whole}${fraction}` : ` *(?:${sign}${whole}${fraction}${bare}) *`;
  const ungrouped = rule.thousands === null ? expr : `replace(${expr}, ${literal(rule.thousands)}, '')`;
  const rewritten = `replace(${ungrouped}, ${literal(rule.decimal ?? '.')}, '.')`;
  const inner = plain(rewritten, { ...rule, decimal: null, thousands: null });
  return { ok: `(${matches(expr, pattern)} AND ${inner.ok})`, value: inner.value };
}

function impliedDecimals(expr: string, rule: NumberRule, scale: number): Guard {
  const trimmed = `trim(${expr})`;
  const digits = `lpad(ltrim(${trimmed}, '+-'), greatest(${scale + 1}, length(ltrim(${trimmed}, '+-')))::INTEGER, '0')`;
  const sign = `CASE WHEN starts_with(${trimmed}, '-') THEN '-' ELSE '' END`;
  const text = `(${sign} || left(${digits}, -${scale}) || '.' || right(${digits}, ${scale}))`;
  const inner = plain(text, { ...rule, decimal: null, thousands: null, scale: null, inferred: false });
  return { ok: `(${matches(expr, ' *[+-]?[0-9]+ *')} AND ${inner.ok})`, value: inner.value };
}
