import { parseType } from '../model/type.ts';
import { parseDuration, parseSize } from '../model/units.ts';
import { checkSchedule } from '../schedule/check.ts';
import type { TextKind } from '../spec/schema.ts';
import { sqlFault } from './sql.ts';
import { nearest } from './suggest.ts';
import type { TextFault } from './text-fault.ts';

/** Whether a text is what its kind says; what needs more than the text is a rule's work. */
export function checkText(kind: TextKind, text: string): TextFault | null {
  return CHECKS[kind]?.(text) ?? null;
}

const CHECKS: Partial<Record<TextKind, (text: string) => TextFault | null>> = {
  duration: checkDuration,
  size: checkSize,
  type: checkType,
  strftime: checkStrftime,
  glob: checkGlob,
  path: checkPath,
  timestamp: checkTimestamp,
  timezone: checkTimezone,
  regex: checkRegex,
  'sql-expression': (text) => sqlFault(text, 'expression'),
  'sql-order': (text) => sqlFault(text, 'expression'),
  'sql-query': (text) => sqlFault(text, 'query'),
};

function checkDuration(text: string): TextFault | null {
  if (parseDuration(text) !== null) return null;
  const words = /^\s*(\d+)\s*(s|sec|secs|seconds?|m|min|mins|minutes?|h|hours?|hrs?|d|days?)\s*$/i.exec(text);
  const unit = words?.[2]?.[0]?.toLowerCase();
  const iso = /^P(?:(\d+)D|T(\d+)([HMS]))$/i.exec(text);
  const fixed = iso
    ? `${iso[1] ?? iso[2]}${iso[1] ? 'd' : iso[3]?.toLowerCase()}`
    : /^\d{1,9}$/.test(text)
      ? `${text}s`
      : null;
  const message = `\`${text}\` is no duration; write a number and s, m, h or d: \`30s\`, \`5m\`, \`2h\`, \`1d\`.`;
  return {
    code: 'value/duration',
    message,
    ...(words && unit ? { text: `${words[1]}${unit}` } : fixed ? { text: fixed } : {}),
  };
}

function checkSize(text: string): TextFault | null {
  if (parseSize(text) !== null) return null;
  const near = /^\s*(\d+(?:\.\d+)?)\s*([kmgt])(i?)b?\s*$/i.exec(text);
  const message = `\`${text}\` is no size; write a number and KB, MB, GB or TB (10^n), or KiB, MiB, GiB, TiB (2^n).`;
  const fixed = near ? `${near[1]}${near[2]!.toUpperCase()}${near[3] ? 'i' : ''}B` : undefined;
  return { code: 'value/size', message, ...(fixed && parseSize(fixed) !== null ? { text: fixed } : {}) };
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  varchar: 'text',
  char: 'text',
  str: 'text',
  integer: 'int',
  int4: 'int',
  int32: 'int',
  smallint: 'int',
  int8: 'bigint',
  int64: 'bigint',
  long: 'bigint',
  float: 'double',
  float8: 'double',
  float64: 'double',
  real: 'double',
  'double precision': 'double',
  bool: 'boolean',
  bytea: 'binary',
  blob: 'binary',
  bytes: 'binary',
  datetime: 'timestamp',
  'timestamp with time zone': 'timestamptz',
  'timestamp without time zone': 'timestamp',
  jsonb: 'json',
  variant: 'json',
  guid: 'uuid',
  array: 'list<text>',
  number: 'double',
};
const TYPE_NAMES = [
  'boolean',
  'int',
  'bigint',
  'double',
  'decimal',
  'text',
  'binary',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'uuid',
  'json',
  'list',
  'struct',
];

function checkType(text: string): TextFault | null {
  if (parseType(text)) return null;
  const fault = (message: string, fixed?: string): TextFault => ({
    code: 'value/type',
    message,
    ...(fixed ? { text: fixed } : {}),
  });
  const plain = text.trim().toLowerCase();
  const word = TYPE_WORDS[plain.replace(/\(\s*\d+\s*\)$/, '')];
  if (word) return fault(`The type is called \`${word}\` here.`, word);
  const numeric = /^(?:numeric|number|decimal)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)$/.exec(plain);
  if (numeric) {
    const fixed = `decimal(${numeric[1]},${numeric[2] ?? 0})`;
    return parseType(fixed)
      ? fault('The type is called `decimal` here.', fixed)
      : fault('decimal(p,s) has 1 to 38 digits, of which s stand after the point.');
  }
  if (plain === 'decimal' || plain === 'numeric')
    return fault('Digits are missing: `decimal(p,s)`, such as decimal(18,2).');
  if (parseType(plain)) return fault('Types are written in lower case.', plain);
  const near = nearType(plain);
  return fault(
    `\`${text}\` is no type${near ? `; did you mean \`${near}\`?` : `; there are ${TYPE_NAMES.join(', ')}.`}`,
    near,
  );
}

/** The type that a misspelt one most likely means, with its digits where it wants some. */
function nearType(text: string): string | undefined {
  const [, name = '', digits = ''] = /^([a-z]+)\s*(\(.*\))?$/.exec(text) ?? [];
  const near = nearest(name, TYPE_NAMES.slice(0, 13));
  const fixed = near === 'decimal' ? `decimal${digits || '(18,2)'}` : near;
  return fixed !== undefined && parseType(fixed) ? fixed : undefined;
}

const STRFTIME = /%(?:[-]?[aAbBcdDeFfgGhHIjklmMnprRsSTuUVwWxXyYzZ%])/g;

function checkStrftime(text: string): TextFault | null {
  const rest = text.replace(STRFTIME, '');
  const bad = /%.?/.exec(rest);
  if (bad)
    return {
      code: 'value/strftime',
      message: `\`${bad[0]}\` is no field of a date pattern; \`%%\` is a percent sign.`,
    };
  if (text.includes('%')) return null;
  const java = /y{2,4}|M{2}|d{2}|Y{4}|D{2}/.test(text);
  const fixed = java ? javaToStrftime(text) : undefined;
  return {
    code: 'value/strftime',
    message: `\`${text}\` holds no field; patterns are strftime, such as \`%Y-%m-%d %H:%M:%S\`.`,
    ...(fixed ? { text: fixed } : {}),
  };
}

const JAVA: readonly [RegExp, string][] = [
  [/y{4}|Y{4}/g, '%Y'],
  [/y{2}|Y{2}/g, '%y'],
  [/M{2}/g, '%m'],
  [/d{2}|D{2}/g, '%d'],
  [/H{2}/g, '%H'],
  [/h{2}/g, '%I'],
  [/m{2}/g, '%M'],
  [/s{2}/g, '%S'],
];

/** `yyyy-MM-dd` as strftime; undefined where a letter is left that means something there. */
function javaToStrftime(text: string): string | undefined {
  let result = text;
  for (const [from, to] of JAVA) result = result.replace(from, to);
  return /[A-Za-z]/.test(result.replace(/%[A-Za-z]|T/g, '')) ? undefined : result;
}

function checkPath(text: string): TextFault | null {
  const scheme = /^[a-z][a-z0-9+.-]+:\/\//i.exec(text)?.[0];
  const message = `\`${scheme}\` has no place in a path: \`type\` says which system, and its bucket or host is a key of its own.`;
  return scheme === undefined ? null : { code: 'value/path', message };
}

function checkGlob(text: string): TextFault | null {
  const fault = (message: string): TextFault => ({ code: 'value/glob', message });
  const path = checkPath(text);
  if (path) return path;
  if (text.includes('\\')) return fault('Paths are written with `/`, on Windows as well.');
  if (unbalanced(text, '[', ']')) return fault('A `[` of this pattern is not closed.');
  if (unbalanced(text, '{', '}')) return fault('A `{` of this pattern is not closed.');
  return null;
}

function unbalanced(text: string, open: string, close: string): boolean {
  let depth = 0;
  for (const ch of text.replaceAll('${', '')) {
    if (ch === open) depth++;
    else if (ch === close && depth > 0) depth--;
  }
  return depth > 0 && !text.includes('${');
}

/** The engine reads RE2. What it shares with JavaScript is tried there; what it does not have is told by its signs. */
function checkRegex(text: string): TextFault | null {
  const fault = (message: string): TextFault => ({ code: 'value/regex', message });
  const bare = text.replace(/\\[^1-9]/g, '');
  if (/\(\?<?[=!]/.test(bare)) return fault('RE2 has no look-ahead and no look-behind.');
  if (/\\[1-9]|\(\?P=/.test(bare)) return fault('RE2 has no back references.');
  if (/[*+?}]\+/.test(bare.replace(/\[[^\]]*\]/g, ''))) return fault('RE2 has no possessive repetition.');
  const shared = text
    .replace(/\(\?P</g, '(?<')
    .replace(/\(\?[imsU-]+(?=[:)])/g, '(?:')
    .replaceAll('(?::', '(?:');
  try {
    new RegExp(shared);
    return null;
  } catch {
    return fault(`\`${text}\` is no regular expression; a bracket may be open, or a \`*\` repeat nothing.`);
  }
}

function checkTimestamp(text: string): TextFault | null {
  const form = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/.test(text);
  const date = new Date(`${text.slice(0, 10)}T00:00:00Z`);
  if (form && !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text.slice(0, 10))) return null;
  return {
    code: 'value/timestamp',
    message: `\`${text}\` is no time; write \`2025-01-31\` or \`2025-01-31T06:00:00Z\`.`,
  };
}

function checkTimezone(text: string): TextFault | null {
  const [fault] = checkSchedule({ timezone: text });
  return fault ? { code: fault.code, message: fault.message, ...(fault.text ? { text: fault.text } : {}) } : null;
}
