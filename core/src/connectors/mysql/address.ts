import type { JsonObject } from '../../model/json.ts';
import { badServerUrl, readServerUrl } from '../shared/server-url.ts';

/** Where a server is and how to come in; plain values, nothing taken from this process's environment. */
export interface MyAddress {
  host: string;
  port: number;
  database: string;
  user: string;
  password: string | undefined;
  ssl: string;
  ssl_ca: string | undefined;
  options: Record<string, string>;
}

const KIND = { schemes: /^(?:jdbc:)?(?:mysql|mariadb):\/\//i, example: 'mysql', system: 'MySQL' };
const SSL_MODES: Record<string, string> = {
  disabled: 'disable',
  preferred: 'prefer',
  required: 'require',
  verify_ca: 'verify-ca',
  verify_identity: 'verify-full',
};

/** Reads a connection's settings. Throws destination/bad-url, which shows no part of the URL but host, port and database. */
export function toAddress(settings: JsonObject): MyAddress {
  const url = typeof settings.url === 'string' ? readServerUrl(settings.url, KIND) : null;
  const own = (name: string) =>
    settings[name] === undefined || settings[name] === null ? undefined : String(settings[name]);
  const mode = url?.query.get('sslMode') ?? url?.query.get('ssl-mode');
  const database = own('database') ?? url?.database;
  if (database === undefined) throw badServerUrl('it names no database', null, KIND);
  const options = typeof settings.options === 'object' && settings.options !== null ? settings.options : {};
  return {
    host: own('host') ?? url?.host ?? 'localhost',
    port: Number(own('port') ?? url?.port ?? 3306),
    database,
    user: own('user') ?? url?.user ?? 'root',
    password: own('password') ?? url?.password,
    ssl: own('ssl') ?? SSL_MODES[mode?.toLowerCase().replace('-', '_') ?? ''] ?? 'prefer',
    ssl_ca: own('ssl_ca'),
    options: Object.fromEntries(Object.entries(options).map(([name, value]) => [name, String(value)])),
  };
}

/** A place as messages show it. */
export function showAddress({ host, port, database }: Pick<MyAddress, 'host' | 'port' | 'database'>): string {
  return `${host.startsWith('/') ? host : `${host}:${port}`}, database "${database}"`;
}
