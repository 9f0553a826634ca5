const DURATION_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const SIZE_BYTES: Readonly<Record<string, number>> = {
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** Milliseconds of `30s`, `5m`, `2h` or `1d`; null where the text is no duration. */
export function parseDuration(text: string): number | null {
  const match = /^(\d{1,9})([smhd])$/.exec(text);
  return match ? Number(match[1]) * (DURATION_MS[match[2] ?? ''] ?? 0) : null;
}

/** Bytes of `512MB` (10^6) or `512MiB` (2^20); null where the text is no size. */
export function parseSize(text: string): number | null {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)([KMGT]i?B)$/.exec(text);
  return match ? Math.round(Number(match[1]) * (SIZE_BYTES[match[2] ?? ''] ?? 0)) : null;
}

/** The one text of a duration that all texts of its length share: `60s` is `1m`. A text that is none comes back as it is. */
export function canonicalDuration(text: string): string {
  const ms = parseDuration(text);
  return ms === null ? text : (shortest(ms, DURATION_MS) ?? text);
}

/** The one text of a size that all texts of as many bytes share: `1.5GB` is `1500MB`. A text that is none comes back as it is. */
export function canonicalSize(text: string): string {
  const bytes = parseSize(text);
  return bytes === null ? text : (shortest(bytes, SIZE_BYTES) ?? text);
}

/** As a whole number of the unit that gives the smallest one. */
function shortest(value: number, units: Readonly<Record<string, number>>): string | null {
  const fit = Object.entries(units).filter(([, size]) => value % size === 0);
  const [unit, size] = fit.sort(([, a], [, b]) => (value === 0 ? a - b : b - a))[0] ?? [];
  return unit === undefined || size === undefined ? null : `${value / size}${unit}`;
}
