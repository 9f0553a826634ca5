import { retryBase } from '../shared/network.ts';

/** Milliseconds to wait before the next try where the server says nothing: 1 s, 2 s, 4 s … up to 30 s. */
export function httpBackoff(attempt: number): number {
  return Math.min(30_000, retryBase() * 2 ** (attempt - 1)) * (1 + Math.random() / 4);
}

/**
 * Milliseconds that `Retry-After` asks for: seconds, or a date in one of HTTP's forms (RFC 9110, 5.6.7 and 10.2.3). A date that
 * has passed: none. null where there is no such header or it is neither.
 */
export function retryAfter(header: string | undefined, now: number): number | null {
  const text = header?.trim() ?? '';
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text) * 1000;
  // Date.parse takes much else; HTTP's dates begin with the day of the week.
  const date = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)/i.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}
