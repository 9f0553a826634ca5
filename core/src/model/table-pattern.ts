import { escapeRegex } from './regex.ts';

/** Whether a table's name is a pattern that stands for many tables: `*` or `?` outside of double quotes. */
export function isTablePattern(text: string): boolean {
  return /[*?]/.test(text.replaceAll(/"(?:[^"]|"")*"/g, ''));
}

/**
 * Whether a table, given by its parts (schema, name), matches one of some patterns. `*` is any text within a part, `?` one
 * character; a part in double quotes is taken as it stands. A table or pattern without a schema is one of `defaultSchema`.
 */
export function tableMatcher(
  patterns: readonly string[],
  defaultSchema: string | undefined,
): (parts: readonly string[]) => boolean {
  const filled = <T>(parts: readonly T[], schema: T): T[] => (parts.length === 1 ? [schema, ...parts] : [...parts]);
  const all = patterns.map((pattern) =>
    filled(patternParts(pattern).map(toRegExp), toRegExp(`"${defaultSchema ?? ''}"`)),
  );
  return (parts) => {
    const names = filled(parts, defaultSchema ?? '');
    return all.some((tests) => tests.length === names.length && tests.every((test, i) => test.test(names[i] ?? '')));
  };
}

/** The parts of a pattern, quotes kept. */
export function patternParts(pattern: string): string[] {
  return pattern.match(/(?:"(?:[^"]|"")*"|[^".])+/g) ?? [];
}

function toRegExp(part: string): RegExp {
  const pieces = part.match(/"(?:[^"]|"")*"|[^"]/g) ?? [];
  const source = pieces.map((piece) => {
    if (piece === '*') return '.*';
    if (piece === '?') return '.';
    const text = piece.length > 1 ? piece.slice(1, -1).replaceAll('""', '"') : piece;
    return escapeRegex(text);
  });
  return new RegExp(`^${source.join('')}$`, 's');
}
