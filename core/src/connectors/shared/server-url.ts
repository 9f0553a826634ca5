import { SluiceError } from '../../model/error.ts';

/** What the URL of a server says; parts that it leaves out are missing. */
export interface ServerUrl {
  host?: string;
  port?: string;
  database?: string;
  user?: string;
  password?: string;
  query: Map<string, string>;
}

/** How a system's URLs begin and what they are called in messages. */
export interface UrlKind {
  schemes: RegExp;
  /** Scheme that the hint shows. */
  example: string;
  system: string;
}

const AFTER_USER =
  /^(?<host>\[[^\]]*\]|[^/?#:@]*)(?::(?<port>[^/?#@]*))?(?:\/(?<database>[^?#@]*))?(?:\?(?<query>.*))?$/s;

/**
 * Reads `scheme://user:password@host:port/database?name=value`. A password may hold any character, escaped or not. Throws
 * destination/bad-url, which shows no part of the URL but host, port and database.
 */
export function readServerUrl(text: string, kind: UrlKind): ServerUrl {
  const scheme = kind.schemes.exec(text);
  if (!scheme) throw badServerUrl(`it does not begin with ${kind.example}://`, null, kind);
  const { userInfo, parts } = splitUser(text.slice(scheme[0].length), kind);
  const host = decode(parts.host ?? '').replace(/^\[|\]$/g, '');
  const database = decode(parts.database ?? '');
  if (parts.port && !(Number(parts.port) >= 1 && Number(parts.port) <= 65535))
    throw badServerUrl('the port is no number from 1 to 65535', { host, port: parts.port, database }, kind);
  const query = new Map<string, string>();
  for (const pair of (parts.query ?? '').split('&')) {
    const at = pair.indexOf('=');
    if (at > 0) query.set(pair.slice(0, at), decode(pair.slice(at + 1)));
  }
  const result: ServerUrl = { query };
  if (host) result.host = host;
  if (parts.port) result.port = parts.port;
  if (database) result.database = database;
  if (userInfo !== null) {
    const at = userInfo.indexOf(':');
    result.user = decode(at < 0 ? userInfo : userInfo.slice(0, at));
    if (at >= 0) result.password = decode(userInfo.slice(at + 1));
  }
  return result;
}

/** The user ends at the first `@` after which the rest reads as a place, so that a password may hold any character unescaped. */
function splitUser(
  rest: string,
  kind: UrlKind,
): { userInfo: string | null; parts: Record<string, string | undefined> } {
  for (let at = rest.indexOf('@'); at >= 0; at = rest.indexOf('@', at + 1)) {
    const match = AFTER_USER.exec(rest.slice(at + 1));
    if (match?.groups) return { userInfo: rest.slice(0, at), parts: match.groups };
  }
  const match = AFTER_USER.exec(rest);
  if (!match?.groups) throw badServerUrl('host, port and database cannot be told apart', null, kind);
  return { userInfo: null, parts: match.groups };
}

/** Decodes percent signs that are escapes and leaves the others: they belong to a password that was not escaped. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function badServerUrl(
  cause: string,
  place: { host: string; port: string; database: string } | null,
  { example, system }: Pick<UrlKind, 'example' | 'system'>,
): SluiceError {
  const where = place ? ` (host "${place.host}", port "${place.port}", database "${place.database}")` : '';
  return new SluiceError(
    'destination/bad-url',
    'config',
    `The url of the ${system} connection cannot be read: ${cause}${where}.`,
    {
      hint: `Write ${example}://user:password@host:port/database, or host, port, database, user and password as keys of their own.`,
    },
  );
}
