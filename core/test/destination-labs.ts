import type { JsonObject } from '../src/model/json.ts';
import { ident } from '../src/model/sql.ts';
import type { Column } from '../src/model/type.ts';
import { noMariaDb, testMariaDb } from './mariadb.ts';
import { makeBucket, noMoto, startMoto } from './moto.ts';
import { testDatabase } from './postgres.ts';
import { missing } from './processes.ts';
import { startSshd } from './sshd.ts';

/** One registered destination and how tests reach it. */
export interface Lab {
  /** Type of the destination. */
  type: string;
  /** What differs from other labs of the type. */
  variant?: string;
  /** Another place of a destination that has a lab already: what depends on values alone is left to that one. */
  place?: true;
  /** Why it cannot run on this machine. */
  missing: string | null;
  /** Makes what the tests work in; `dir` is a folder of the tests. */
  start(dir: string): Promise<Started>;
}

export interface Started {
  settings(table: string): JsonObject;
  /** Lines of a job's `destination` beside its type. */
  yaml(table: string): string;
  /** What the lines of the job read from the environment, beside WAREHOUSE_URL. */
  env?: Record<string, string>;
  schema: string | null;
  /** The table's name in a query. */
  name(table: string): string;
  /** How a column is selected, so that lists and structs come as JSON. */
  expression(column: Column): string;
  stop(): Promise<void>;
}

const quotedName = (column: Column) => ident(column.name);
const nested = (column: Column) => ['list', 'struct'].includes(column.type.kind);
const byToJson = (column: Column) =>
  nested(column) ? `CAST(to_json(${quotedName(column)}) AS VARCHAR) AS ${quotedName(column)}` : quotedName(column);
const noStop = async () => undefined;

function local(format: string): Lab {
  return {
    type: 'local',
    variant: format,
    missing: null,
    start: async (dir) => ({
      settings: (table) => ({ path: `${dir}/${table}`, format }),
      yaml: (table) => `path: ${dir}/${table}\n  format: ${format}\n`,
      schema: null,
      name: (table) => ident(table),
      expression: byToJson,
      stop: noStop,
    }),
  };
}

/** A destination in a bucket. */
function inBucket(type: string, variant: string, more: Record<string, string> = {}): Lab {
  return {
    type,
    variant,
    missing: noMoto,
    start: async () => {
      const server = await startMoto();
      const place = { endpoint: server.url, bucket: 'lake' };
      const keys = { access_key_id: 'key', secret_access_key: 'secret' };
      const lines = Object.entries({ ...place, ...more, access_key_id: 'key', secret_access_key: '${env:S3_SECRET}' });
      await makeBucket(server.url, 'lake');
      return {
        settings: (table) => ({ ...place, ...keys, ...more, path: `out/${table}` }),
        yaml: (table) => `${lines.map(([name, value]) => `${name}: ${value}\n  `).join('')}path: out/${table}\n`,
        env: { S3_SECRET: 'secret' },
        schema: null,
        name: (table) => ident(table),
        expression: byToJson,
        stop: () => server.stop(),
      };
    },
  };
}

const sftp: Lab = {
  type: 'sftp',
  missing: missing('sshd'),
  start: async () => {
    const server = await startSshd();
    const key = await server.key('lab', '-t', 'ed25519', '-N', '');
    const place = {
      host: '127.0.0.1',
      port: server.port,
      user: server.user,
      private_key_file: key,
      host_key: server.fingerprint,
      root: server.dir,
      format: 'parquet',
    };
    const lines = Object.entries(place).map(([name, value]) => `${name}: ${JSON.stringify(value)}\n  `);
    return {
      settings: (table) => ({ ...place, path: `out/${table}` }),
      yaml: (table) => `${lines.join('')}path: out/${table}\n`,
      schema: null,
      name: (table) => ident(table),
      expression: byToJson,
      stop: () => server.stop(),
    };
  },
};

/** Every registered destination has to have one. */
export const LABS: readonly Lab[] = [
  {
    type: 'duckdb',
    missing: null,
    start: async (dir) => ({
      settings: () => ({ path: `${dir}/w.duckdb` }),
      yaml: (table) => `path: ${dir}/w.duckdb\n  table: ${table}\n`,
      schema: null,
      name: (table) => ident('main', table),
      expression: byToJson,
      stop: noStop,
    }),
  },
  local('parquet'),
  local('csv'),
  local('json'),
  local('arrow'),
  sftp,
  inBucket('s3', 'parquet', { format: 'parquet' }),
  { ...inBucket('delta', 's3'), place: true },
  {
    type: 'delta',
    missing: null,
    start: async (dir) => ({
      settings: (table) => ({ path: `${dir}/${table}` }),
      yaml: (table) => `path: ${dir}/${table}\n`,
      schema: null,
      name: (table) => ident(table),
      expression: byToJson,
      stop: noStop,
    }),
  },
  {
    type: 'sqlite',
    missing: null,
    start: async (dir) => ({
      settings: () => ({ path: `${dir}/w.sqlite` }),
      yaml: (table) => `path: ${dir}/w.sqlite\n  table: ${table}\n`,
      schema: null,
      name: (table) => ident('main', table),
      expression: quotedName,
      stop: noStop,
    }),
  },
  {
    type: 'postgres',
    missing: null,
    start: async () => {
      const db = await testDatabase();
      return {
        settings: () => ({ url: db.url }),
        yaml: (table) => `url: \${env:WAREHOUSE_URL}\n  schema: public\n  table: ${table}\n`,
        schema: 'public',
        name: (table) => ident('public', table),
        expression: (column) =>
          nested(column) ? `to_json(${quotedName(column)}) AS ${quotedName(column)}` : quotedName(column),
        stop: () => db.drop(),
      };
    },
  },
  {
    type: 'mysql',
    missing: noMariaDb,
    start: async () => {
      const db = await testMariaDb();
      return {
        settings: () => ({ url: db.url }),
        yaml: (table) => `url: \${env:WAREHOUSE_URL}\n  table: ${table}\n`,
        schema: null,
        name: (table) => ident(table),
        expression: quotedName,
        stop: () => db.drop(),
      };
    },
  },
];

/** A value of a query's answer in one spelling, whatever the system's own. */
export function canonical(value: string | number | boolean | null, column: Column): unknown {
  if (value === null) return null;
  switch (column.type.kind) {
    case 'double':
      return Number(value === 'inf' ? 'Infinity' : value === '-inf' ? '-Infinity' : value) + 0;
    case 'boolean':
      return value === true || value === 'true' || value === 't' || value === 1;
    case 'decimal':
      return plainNumber(String(value));
    case 'json':
    case 'list':
    case 'struct':
      return plainJson(String(value));
    case 'timestamp':
    case 'timestamptz':
      return String(value)
        .replace(' ', 'T')
        .replace(/\+00(:00)?$/, 'Z')
        .replace(/(\.\d*?)0+(Z?)$/, (_, d: string, z: string) => (d === '.' ? '' : d) + z);
    case 'time':
      return String(value).replace(/(\.\d*?)0+$/, (_, digits: string) => (digits === '.' ? '' : digits));
    default:
      return String(value);
  }
}

function plainNumber(text: string): string {
  const short = text.includes('.') ? text.replace(/0+$/, '').replace(/\.$/, '') : text;
  return short === '-0' ? '0' : short;
}

function plainJson(text: string): string {
  return text.replaceAll(
    /("(?:[^"\\]|\\.)*")|(\s+)|(-?\d+\.\d+)(?![\d.eE])/g,
    (_, quoted, space, number) => quoted ?? (space === undefined ? plainNumber(number) : ''),
  );
}
