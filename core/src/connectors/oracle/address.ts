import type { JsonObject } from '../../model/json.ts';
import { badServerUrl, readServerUrl } from '../shared/server-url.ts';

export interface OraAddress {
  /** As the driver wants it: `host:port/service`. */
  connectString: string;
  user: string;
  password: string | undefined;
  options: Record<string, string>;
}

const KIND = { schemes: /^oracle:\/\//i, example: 'oracle', system: 'Oracle' };
/** jdbc:oracle:thin:[user/password]@[//]host:port/service, or host:port:sid: https://docs.oracle.com/en/database/oracle/oracle-database/23/jjdbc/ */
const JDBC =
  /^jdbc:oracle:thin:(?:(?<user>[^/@]*)\/(?<password>.*))?@(?:\/\/)?(?<host>[^:/@]+)(?::(?<port>\d+))?(?<sep>[/:])(?<service>[^/:?@]+)$/is;
const EASY = /^(?:\/\/)?(?<host>[^:/@\s]+)(?::(?<port>\d+))?(?<sep>\/)(?<service>[^/:?@\s]+)$/s;

/** Reads a connection's settings. Throws destination/bad-url, which shows nothing of the user and password. */
export function toAddress(settings: JsonObject): OraAddress {
  const parts = typeof settings.url === 'string' ? readUrl(settings.url) : {};
  const own = (name: 'host' | 'port' | 'database' | 'user' | 'password') =>
    settings[name] === undefined || settings[name] === null ? parts[name] : String(settings[name]);
  const service = own('database');
  const user = own('user');
  if (service === undefined) throw badServerUrl('it names no service', null, KIND);
  if (user === undefined) throw badServerUrl('it names no user', null, KIND);
  const [host, port] = [own('host') ?? 'localhost', own('port') ?? '1521'];
  const connectString =
    parts.sid === true && settings.database === undefined ? sid(host, port, service) : `${host}:${port}/${service}`;
  const options = typeof settings.options === 'object' && settings.options !== null ? settings.options : {};
  return {
    connectString,
    user,
    password: own('password'),
    options: Object.fromEntries(Object.entries(options).map(([name, value]) => [name, String(value)])),
  };
}

interface Parts {
  host?: string;
  port?: string;
  database?: string;
  user?: string;
  password?: string;
  /** `database` is an old system identifier, not a service. */
  sid?: boolean;
}

function readUrl(text: string): Parts {
  if (/^oracle:/i.test(text)) return readServerUrl(text, KIND);
  const groups = (/^jdbc:/i.test(text) ? JDBC : EASY).exec(text)?.groups;
  if (!groups) throw badServerUrl('host, port and service cannot be told apart', null, KIND);
  const { host, port, service, user, password, sep } = groups;
  return {
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
    ...(service === undefined ? {} : { database: service }),
    ...(user ? { user } : {}),
    ...(password === undefined ? {} : { password }),
    sid: sep === ':',
  };
}

function sid(host: string, port: string, name: string): string {
  return `(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)(HOST=${host})(PORT=${port}))(CONNECT_DATA=(SID=${name})))`;
}
