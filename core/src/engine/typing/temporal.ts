import { SluiceError } from '../../model/error.ts';
import { escapeRegex } from '../../model/regex.ts';
import { literal } from '../../model/sql.ts';
import { type CastRule, type Guard, matches, tryCast } from './guard.ts';

const DAY = '[0-9]{4}-[0-9]{2}-[0-9]{2}';
const CLOCK = '(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.][0-9]{1,6}0*)?)?';
const MIDNIGHT = '00:00(?::00(?:[.]0+)?)?';
const ZONE = '(?:Z|[+-](?:0[0-9]|1[0-5])(?::?[0-5][0-9])?)';
const NO_OFFSET = '(?:Z|[+-]00(?::?00)?)?';

const ENGINE_TYPES = { date: 'DATE', time: 'TIME', timestamp: 'TIMESTAMP', timestamptz: 'TIMESTAMPTZ' } as const;
type TemporalKind = keyof typeof ENGINE_TYPES;

/** The guard of a text that is read as date, time, timestamp or timestamptz. A text without a zone is taken as UTC. */
export function temporalGuard(expr: string, kind: TemporalKind, rule: CastRule): Guard {
  if (rule.format !== null) return patterned(expr, kind, rule.format);
  const space = rule.inferred ? '' : ' *';
  const value = tryCast(expr, ENGINE_TYPES[kind]);
  const reprinted = `${value}::VARCHAR = (${expr})`;
  switch (kind) {
    case 'date': {
      // The engine's own reading takes 2024-1-5, five-digit years, BC, infinity and trailing text.
      if (rule.inferred) return { ok: `(${reprinted} AND ${fourDigitYear(value, 'DATE')})`, value };
      const loose = matches(expr, `${space}${DAY}(?:[T ]${MIDNIGHT})?${space}`);
      return { ok: `((${reprinted} OR ${loose}) AND ${fourDigitYear(value, 'DATE')})`, value };
    }
    case 'time': {
      const inDay = `${value} < TIME '24:00:00'`;
      if (rule.inferred) return { ok: `(${reprinted} AND ${inDay})`, value };
      return { ok: `((${reprinted} OR ${matches(expr, `${space}${CLOCK}${space}`)}) AND ${inDay})`, value };
    }
    case 'timestamp': {
      const zone = rule.inferred ? '' : NO_OFFSET;
      const iso = matches(expr, `${space}${DAY}(?:[T ]${CLOCK}${zone})?${space}`);
      const read = rule.inferred ? value : `coalesce(${value}, ${tryCast(withSeconds(expr), 'TIMESTAMP')})`;
      return { ok: `((${reprinted} OR ${iso}) AND ${fourDigitYear(read, 'TIMESTAMP')})`, value: read };
    }
    case 'timestamptz': {
      const iso = rule.inferred
        ? `${DAY}[T ]${CLOCK} ?${ZONE}`
        : `${space}${DAY}(?:[T ]${CLOCK}(?: ?${ZONE})?)?${space}`;
      const read = `coalesce(${value}, ${tryCast(withSeconds(expr), 'TIMESTAMPTZ')})`;
      return { ok: `(${matches(expr, iso)} AND ${fourDigitYear(read, 'TIMESTAMPTZ')})`, value: read };
    }
  }
}

/** The engine reads a zone only behind seconds and without a space before it. */
function withSeconds(expr: string): string {
  const text = `trim(${expr})`;
  return (
    `CASE WHEN strlen(${text}) <= 16 THEN ${text} ` +
    `WHEN substr(${text}, 17, 1) = ':' THEN left(${text}, 19) || replace(substr(${text}, 20), ' ', '') ` +
    `ELSE left(${text}, 16) || ':00' || replace(substr(${text}, 17), ' ', '') END`
  );
}

function fourDigitYear(value: string, engineType: string): string {
  const zone = engineType === 'TIMESTAMPTZ' ? '+00' : '';
  const first = engineType === 'DATE' ? '0001-01-01' : `0001-01-01 00:00:00${zone}`;
  const end = engineType === 'DATE' ? '10000-01-01' : `10000-01-01 00:00:00${zone}`;
  return `(${value} >= ${engineType} '${first}' AND ${value} < ${engineType} '${end}')`;
}

function patterned(expr: string, kind: TemporalKind, format: string): Guard {
  const pattern = readPattern(format);
  // The engine's parser knows offsets but not the letter Z.
  const text = pattern.offset ? `regexp_replace(trim(${expr}), '[Zz]$', '+00:00')` : `trim(${expr})`;
  const parsed = `try_strptime(${text}, ${literal(format)})`;
  const shape = matches(text, pattern.regex);
  const weekday = pattern.weekday
    ? ` AND contains(lower(${expr}), lower(strftime(${parsed}, '%${pattern.weekday}')))`
    : '';
  const value = tryCast(parsed, ENGINE_TYPES[kind]);
  const whole = kind === 'date' && pattern.clock ? ` AND ${parsed} = date_trunc('day', ${parsed})` : '';
  return { ok: `(${shape} AND ${value} IS NOT NULL${weekday}${whole})`, value };
}

interface Pattern {
  /** What a text of this pattern looks like; narrower than the engine's parser, which takes `23` for a `%Y`. */
  regex: string;
  offset: boolean;
  clock: boolean;
  weekday: 'a' | 'A' | null;
}

const SPECIFIERS: Readonly<Record<string, string>> = {
  Y: '[0-9]{4}',
  G: '[0-9]{4}',
  y: '[0-9]{2}',
  m: '[0-9]{1,2}',
  d: '[0-9]{1,2}',
  H: '[0-9]{1,2}',
  I: '[0-9]{1,2}',
  M: '[0-9]{1,2}',
  S: '[0-9]{1,2}',
  f: '[0-9]{1,6}',
  g: '[0-9]{1,3}',
  j: '[0-9]{1,3}',
  p: '[AaPp][Mm]',
  b: '\\pL+[.]?',
  h: '\\pL+[.]?',
  B: '\\pL+',
  a: '\\pL+',
  A: '\\pL+',
  z: '[+-][0-9]{2}(?::?[0-9]{2})?',
  Z: '[A-Za-z_/+-]+[0-9]*',
  '%': '%',
};

/** Reads a strftime pattern. Throws `typing/format` (config) where a specifier is unknown or the pattern ends in a lone `%`. */
function readPattern(format: string): Pattern {
  let regex = '';
  const seen = new Set<string>();
  for (let i = 0; i < format.length; i++) {
    const ch = format[i] ?? '';
    if (ch !== '%') {
      regex += ch === ' ' ? ' +' : escapeRegex(ch);
      continue;
    }
    i++;
    if (format[i] === '-') i++;
    const specifier = format[i] ?? '';
    const shape = Object.hasOwn(SPECIFIERS, specifier) ? SPECIFIERS[specifier] : undefined;
    if (shape === undefined) {
      throw new SluiceError('typing/format', 'config', `The pattern ${format} has an unknown part %${specifier}.`, {
        hint: `Known parts: ${Object.keys(SPECIFIERS)
          .map((known) => `%${known}`)
          .join(' ')}.`,
      });
    }
    seen.add(specifier);
    regex += shape;
  }
  return {
    regex,
    offset: seen.has('z'),
    clock: ['H', 'I', 'M', 'S', 'f', 'g', 'z', 'Z'].some((part) => seen.has(part)),
    weekday: seen.has('A') ? 'A' : seen.has('a') ? 'a' : null,
  };
}
