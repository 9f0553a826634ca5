import type { SluiceError } from '../../model/error.ts';
import type { JsonObject } from '../../model/json.ts';
import { badServerUrl, readServerUrl } from '../shared/server-url.ts';

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

function readUrl(text: string): UrlParts {
  const url = readServerUrl(text, {
    schemes: /^(?:jdbc:)?postgres(?:ql)?:\/\//i,
    example: 'postgres',
    system: 'Postgres',
  });
  const { query, ...place } = url;
  return { ...readQuery(query), ...place };
}

function readQuery(query: Map<string, string>): UrlParts {
  const result: UrlParts = {};
  const mode = query.get('sslmode') ?? (query.get('ssl') === 'true' ? 'verify-full' : undefined);
  if (mode !== undefined) {
    const known = mode === 'allow' ? 'prefer' : mode;
    if (!SSL_MODES.has(known)) throw badUrl('sslmode has no value that is known');
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

function badUrl(cause: string): SluiceError {
  return badServerUrl(cause, null, { example: 'postgres', system: 'Postgres' });
}
