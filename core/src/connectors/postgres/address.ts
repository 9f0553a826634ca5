import { SluiceError } from '../../model/error.ts';
import type { JsonObject } from '../../model/json.ts';

export type SslMode = 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';

/** Where a server is and how to come in; plain values, nothing taken from this process's environment. */
export interface PgAddress {
  host: string;
  port: number;
  database: string;
  user: string;
  password: string | undefined;
  ssl: SslMode;
  ssl_ca: string | undefined;
  options: Record<string, string>;
}

const SSL_MODES: ReadonlySet<string> = new Set(['disable', 'prefer', 'require', 'verify-ca', 'verify-full']);

/** Reads a connection's settings. Throws destination/bad-url, which shows no part of the URL but host, port and database. */
export function toAddress(settings: JsonObject): PgAddress {
  const fromUrl = typeof settings.url === 'string' ? readUrl(settings.url) : {};
  const own = (name: string) =>
    settings[name] === undefined || settings[name] === null ? undefined : String(settings[name]);
  const user = own('user') ?? fromUrl.user ?? 'postgres';
  const options = typeof settings.options === 'object' && settings.options !== null ? settings.options : {};
  return {
    host: own('host') ?? fromUrl.host ?? 'localhost',
    port: Number(own('port') ?? fromUrl.port ?? 5432),
    database: own('database') ?? fromUrl.database ?? user,
    user,
    password: own('password') ?? fromUrl.password,
    ssl: (own('ssl') as SslMode | undefined) ?? fromUrl.ssl ?? 'prefer',
    ssl_ca: own('ssl_ca') ?? fromUrl.ssl_ca,
    options: Object.fromEntries(Object.entries(options).map(([name, value]) => [name, String(value)])),
  };
}

/** A place as messages show it. */
export function showAddress(address: Pick<PgAddress, 'host' | 'port' | 'database'>): string {
  return `${address.host}:${address.port}, database "${address.database}"`;
}

interface UrlParts {
  host?: string;
  port?: string;
  database?: string;
  user?: string;
  password?: string;
  ssl?: SslMode;
  ssl_ca?: string;
}

const AFTER_USER =
  /^(?<host>\[[^\]]*\]|[^/?#:@]*)(?::(?<port>[^/?#@]*))?(?:\/(?<database>[^?#@]*))?(?:\?(?<query>.*))?$/s;

function readUrl(text: string): UrlParts {
  const scheme = /^(?:jdbc:)?postgres(?:ql)?:\/\//i.exec(text);
  if (!scheme) throw badUrl('it does not begin with postgres://', null);
  const { userInfo, parts } = splitUser(text.slice(scheme[0].length));
  const host = decode(parts.host ?? '').replace(/^\[|\]$/g, '');
  const database = decode(parts.database ?? '');
  if (parts.port && !(Number(parts.port) >= 1 && Number(parts.port) <= 65535))
    throw badUrl('the port is no number from 1 to 65535', { host, port: parts.port, database });
  const query = new Map<string, string>();
  for (const pair of (parts.query ?? '').split('&')) {
    const at = pair.indexOf('=');
    if (at > 0) query.set(pair.slice(0, at), decode(pair.slice(at + 1)));
  }
  const result: UrlParts = { ...readQuery(query) };
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
function splitUser(rest: string): { userInfo: string | null; parts: Record<string, string | undefined> } {
  for (let at = rest.indexOf('@'); at >= 0; at = rest.indexOf('@', at + 1)) {
    const match = AFTER_USER.exec(rest.slice(at + 1));
    if (match?.groups) return { userInfo: rest.slice(0, at), parts: match.groups };
  }
  const match = AFTER_USER.exec(rest);
  if (!match?.groups) throw badUrl('host, port and database cannot be told apart', null);
  return { userInfo: null, parts: match.groups };
}

function readQuery(query: Map<string, string>): UrlParts {
  const result: UrlParts = {};
  const mode = query.get('sslmode') ?? (query.get('ssl') === 'true' ? 'verify-full' : undefined);
  if (mode !== undefined) {
    const known = mode === 'allow' ? 'prefer' : mode;
    if (!SSL_MODES.has(known)) throw badUrl('sslmode has no value that is known', null);
    result.ssl = known as SslMode;
  }
  const texts: [keyof UrlParts, string][] = [
    ['host', 'host'],
    ['port', 'port'],
    ['user', 'user'],
    ['password', 'password'],
    ['ssl_ca', 'sslrootcert'],
  ];
  for (const [key, name] of texts) {
    const value = query.get(name);
    if (value) Object.assign(result, { [key]: value });
  }
  return result;
}

/** Decodes percent signs that are escapes and leaves the others: they belong to a password that was not escaped. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function badUrl(cause: string, place: { host: string; port: string; database: string } | null): SluiceError {
  const where = place ? ` (host "${place.host}", port "${place.port}", database "${place.database}")` : '';
  return new SluiceError(
    'destination/bad-url',
    'config',
    `The url of the Postgres connection cannot be read: ${cause}${where}.`,
    {
      hint: 'Write postgres://user:password@host:port/database, or host, port, database, user and password as keys of their own.',
    },
  );
}
