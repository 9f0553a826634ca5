import type { JsonObject } from '../../model/json.ts';
import { badServerUrl, readServerUrl } from '../shared/server-url.ts';

/** Where a server is and how to come in. */
export interface MsAddress {
  host: string;
  port: number;
  database: string | undefined;
  user: string;
  password: string | undefined;
  encrypt: boolean;
  trust: boolean;
  options: Record<string, string>;
}

const KIND = { schemes: /^(?:sqlserver|mssql):\/\//i, example: 'sqlserver', system: 'SQL Server' };
const JDBC = /^jdbc:sqlserver:\/\/(?<host>[^;:]*)(?::(?<port>\d+))?(?<rest>;.*)?$/is;

/** Reads a connection's settings. Throws destination/bad-url, which shows no part of the URL but host, port and database. */
export function toAddress(settings: JsonObject): MsAddress {
  const parts = typeof settings.url === 'string' ? readUrl(settings.url) : new Map<string, string>();
  const own = (name: string) => {
    const value = settings[name];
    return value === undefined || value === null ? parts.get(name.replaceAll('_', '')) : String(value);
  };
  const options = typeof settings.options === 'object' && settings.options !== null ? settings.options : {};
  return {
    host: own('host') ?? 'localhost',
    port: Number(own('port') ?? 1433),
    database: own('database'),
    user: own('user') ?? 'sa',
    password: own('password'),
    encrypt: own('encrypt') !== 'false',
    trust: own('trust_server_certificate') === 'true',
    options: Object.fromEntries(Object.entries(options).map(([name, value]) => [name, String(value)])),
  };
}

/** The URL's parts by our own names, without underscores. */
function readUrl(text: string): Map<string, string> {
  if (/^jdbc:/i.test(text)) return readJdbc(text);
  const url = readServerUrl(text, KIND);
  const parts = new Map<string, string>();
  for (const [name, value] of url.query) parts.set(name.toLowerCase(), value);
  for (const name of ['host', 'port', 'database', 'user', 'password'] as const) {
    const value = url[name];
    if (value !== undefined) parts.set(name, value);
  }
  return parts;
}

const ALIASES: Record<string, string> = {
  databasename: 'database',
  username: 'user',
  servername: 'host',
  server: 'host',
  portnumber: 'port',
};

/** `;name=value` pairs, a value in braces taken as it stands: https://learn.microsoft.com/sql/connect/jdbc/building-the-connection-url */
function readJdbc(text: string): Map<string, string> {
  const match = JDBC.exec(text);
  if (!match?.groups) throw badServerUrl('host and port cannot be told apart', null, KIND);
  const { host = '', port, rest = '' } = match.groups;
  const parts = new Map<string, string>();
  if (host !== '') parts.set('host', host);
  if (port !== undefined) parts.set('port', port);
  for (const pair of rest.matchAll(/;\s*([^=;]+)=(?:\{((?:[^}]|\}\})*)\}|([^;]*))/g)) {
    const name = (pair[1] ?? '').trim().toLowerCase();
    parts.set(ALIASES[name] ?? name, pair[2]?.replaceAll('}}', '}') ?? pair[3] ?? '');
  }
  return parts;
}

/** A place as messages show it. */
export function showAddress({ host, port, database }: MsAddress): string {
  return `${host}:${port}${database === undefined ? '' : `, database "${database}"`}`;
}
