/**
 * Whether a version lies in a range of bounds that must all hold: `>=0.1 <1`, `0.1`, `^0.1`, `~0.1.2`. null where the
 * range cannot be read.
 */
export function satisfies(version: string, range: string): boolean | null {
  const own = parse(version);
  const bounds = range
    .trim()
    .replace(/([<>=^~])\s+/g, '$1')
    .split(/\s+/);
  let fits = true;
  for (const bound of bounds) {
    const match = /^(>=|<=|>|<|=|\^|~)?v?(\d+(?:\.\d+){0,2})$/.exec(bound);
    if (!own || !match) return null;
    fits &&= holds(own, match[1] ?? '', match[2]!);
  }
  return fits;
}

function parse(text: string): number[] | null {
  const match = /^(\d+)(?:\.(\d+))?(?:\.(\d+))?/.exec(text);
  return match ? [Number(match[1]), Number(match[2] ?? 0), Number(match[3] ?? 0)] : null;
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < 3; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return 0;
}

function holds(own: readonly number[], operator: string, text: string): boolean {
  const bound = parse(text)!;
  const order = compare(own, bound);
  if (operator === '>=') return order >= 0;
  if (operator === '<=') return order <= 0;
  if (operator === '>') return order > 0;
  if (operator === '<') return order < 0;
  const given = text.split('.').length;
  const fixed =
    operator === '^'
      ? Math.max(1, bound.findIndex((n) => n > 0) + 1 || 1)
      : operator === '~'
        ? Math.min(2, given)
        : given;
  return order >= 0 && own.slice(0, fixed).every((n, i) => n === bound[i]);
}
