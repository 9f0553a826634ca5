import { existsSync, readdirSync } from 'node:fs';
import { cp, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  databasesExample,
  type ExampleServer,
  ftpExample,
  gdriveExample,
  httpExample,
  manyTablesExample,
  s3Example,
  sftpExample,
  warehouseExample,
} from '../../core/test/example-servers.ts';
import { noMariaDb } from '../../core/test/mariadb.ts';
import { noMoto } from '../../core/test/moto.ts';
import { type TestDatabase, testDatabase } from '../../core/test/postgres.ts';
import { missing } from '../../core/test/processes.ts';
import { sluice } from './cli.ts';

const examples = fileURLToPath(new URL('../../examples/', import.meta.url));
const data = fileURLToPath(new URL('../../node_modules/vega-datasets/data', import.meta.url));
const names = readdirSync(examples).filter((name) => existsSync(join(examples, name, 'sluice.yaml')));

interface Expectation {
  /** `--var` values: where the example's files are, seen from a copy of it. */
  vars: string[];
  /** Commands before `run`, such as those that the example's page names. */
  before?: string[][];
  /** Raw DuckDB's number of rows for each table, from the same files; `again` says that a second run writes it anew, `job` whose destination has it. */
  tables: Record<string, { raw: string; again?: boolean; job?: string }>;
  /** Queries on the warehouse with the rows that they must give, beside what raw DuckDB finds in the files. */
  same: { loaded: string; raw: string; job?: string }[];
  /** The job whose destination is asked; left out: the embedded warehouse. */
  job?: string;
  /** What the example talks to. */
  server?: () => Promise<ExampleServer>;
  /** Why its tests are left out on this machine; null where they can run, or have to. */
  missing?: string | null;
}

/** Rows of the tables of `examples/many-tables/setup.sql`, a table a month among them. */
const crmTables: Expectation['tables'] = {
  customers: { raw: 'select 2000' },
  invoices: { raw: 'select 990' },
  countries: { raw: 'select 3', again: true },
  sales_later: { raw: 'select 46' },
  ...Object.fromEntries(
    Array.from({ length: 36 }, (_, i) => {
      const month = String((i % 12) + 1).padStart(2, '0');
      return [`sales_${2023 + Math.floor(i / 12)}_${month}`, { raw: `select ${10 + i}` }];
    }),
  ),
};

const invoices: Pick<Expectation, 'vars' | 'tables' | 'same'> = {
  vars: [],
  tables: {
    invoices: { raw: 'select 3::bigint' },
    catalog: { raw: 'select 2' },
    deliveries: { raw: 'select 2' },
    stock: { raw: 'select 2' },
  },
  same: [
    {
      loaded: 'select article, price from catalog order by all',
      raw: "select * from (values ('000017', 12.50), ('000018', 0.99)) order by all",
    },
    {
      loaded: 'select delivery, weight from deliveries order by all',
      raw: "select * from (values ('0001', 0.10), ('0002', 99999999999999.99)) order by all",
    },
    {
      loaded: 'select article, pieces from stock order by all',
      raw: "select * from (values ('000017', 12), ('000018', 0)) order by all",
    },
    {
      loaded: 'select invoice_no, total::decimal(10,2) as total, file from invoices order by invoice_no',
      raw: `select * from (values ('0007', 1234.50::decimal(10,2), 'out/2025/invoices-1231.csv'),
            ('0008', -0.75, 'out/2026/invoices-0101.csv'), ('0009', 12.00, 'out/2026/invoices-0101.csv')) order by all`,
    },
  ],
};

const expectations: Record<string, Expectation> = {
  'many-tables': {
    vars: [],
    server: manyTablesExample,
    tables: crmTables,
    same: [
      {
        loaded:
          'select sum(balance) as sum, max(updated_at)::varchar as last, typeof(any_value(balance)) as t from customers',
        raw: "select 500250.00, '2026-01-02 09:20:00.000001+00', 'DECIMAL(12,2)'",
      },
      { loaded: 'select sum(total)::varchar as sum from invoices', raw: "select '539500.5000000000'" },
      { loaded: "select count(*) as n from duckdb_tables() where table_name like 'audit%'", raw: 'select 0' },
    ],
  },
  'postgres-merge': {
    vars: [],
    server: warehouseExample,
    job: 'orders',
    tables: { orders: { raw: 'select 2' }, customers: { raw: 'select 2' } },
    same: [
      {
        loaded: 'select order_id::int as id, status, total::text as total from orders order by 1',
        raw: "select * from (values (1, 'shipped', '10.00'), (2, 'paid', '24.00')) order by all",
      },
      {
        loaded: `select name, profile->>'limit' as "limit", _sluice_deleted::text as gone from customers order by 1`,
        raw: "select * from (values ('Anne', '12345678901234567890.10', 'false'), ('Bob', null, 'false')) order by all",
      },
      {
        loaded: 'select code, count(*)::int as n from _sluice_quarantine group by 1',
        raw: "select 'check/accepted_values' as code, 1 as n",
      },
    ],
  },
  gdrive: {
    vars: [],
    server: gdriveExample,
    tables: {
      budget: { raw: 'select 2::bigint', again: true },
      uploads: { raw: 'select 2::bigint' },
      answers: { raw: 'select 1' },
    },
    same: [
      {
        loaded: 'select cost_center, amount::double as amount from budget order by all',
        raw: "select * from (values ('0100', 1234.5::double), ('0200', 0.1)) order by all",
      },
      {
        loaded: 'select id::varchar as id, file from uploads order by all',
        raw: "select * from (values ('1', 'a.csv'), ('2', 'team/b.csv'))",
      },
    ],
  },
  sftp: {
    ...invoices,
    tables: { ...invoices.tables, receipts: { raw: 'select 3::bigint', job: 'receipts' } },
    server: sftpExample,
    missing: missing('sshd'),
  },
  ftp: { ...invoices, server: ftpExample, missing: missing('vsftpd') },
  http: {
    vars: [],
    server: httpExample,
    tables: {
      orders: { raw: 'select 5::bigint' },
      rates: { raw: 'select 2::bigint' },
      catalog: { raw: 'select 2' },
    },
    same: [
      {
        loaded: 'select article, price from catalog order by all',
        raw: "select * from (values ('000017', 12.50), ('000018', 0.99)) order by all",
      },
      {
        loaded: 'select id, amount, updated_at::varchar as at from orders order by id',
        raw: `select '0' || i, (i * 1.25)::double, '2026-01-0' || i || ' 10:00:00+00' from range(1, 6) t(i) order by i`,
      },
    ],
  },
  s3: {
    vars: [],
    server: s3Example,
    missing: noMoto,
    tables: {
      orders: { raw: 'select 3::bigint' },
      flights: { raw: `select count(*) from '${data}/flights-3m.parquet'` },
      archive: { raw: 'select 3::bigint', job: 'archive' },
      clicks: { raw: 'select 2' },
      readings: { raw: 'select 2' },
      sales: { raw: 'select 3' },
    },
    same: [
      {
        loaded: 'select id::varchar as id, page from clicks order by all',
        raw: "select * from (values ('12345678901234567890', '/'), ('2', '/prices')) order by all",
      },
      {
        loaded: 'select sensor, epoch_ms(readings."at") as ms, celsius from readings order by all',
        raw: "select * from (values ('0007', 1767254400250, 21.50), ('0008', 1767254460000, null)) order by all",
      },
      {
        loaded: 'select sale_id, amount from sales order by all',
        raw: 'select * from (values (1, 10.50), (2, 24.00), (3, 0.99)) order by all',
      },
      {
        loaded: 'select order_id, amount from archive order by all',
        raw: 'select * from (values (1, 10.25), (2, 20.75), (3, 30.25))',
        job: 'archive',
      },
      {
        loaded: 'select order_id, amount, object from orders order by all',
        raw: `select * from (values (1, 10.25, 'orders/2026-01-01/a b+c.csv'), (2, 20.75, 'orders/2026-01-01/a b+c.csv'),
              (3, 30.25, 'orders/2026-01-02/part.csv')) order by all`,
      },
      {
        loaded:
          'select sum(delay)::bigint as sum, count(distinct origin) as n, min(date)::varchar as first from flights',
        raw: `select sum(delay)::bigint, count(distinct origin), min(date)::varchar from '${data}/flights-3m.parquet'`,
      },
    ],
  },
  delta: {
    vars: [],
    tables: {
      orders: { raw: 'select 3', job: 'orders' },
      events: { raw: 'select 3', job: 'events' },
      clicks: { raw: 'select 3' },
      sales: { raw: 'select 2', again: true },
    },
    same: [
      {
        job: 'orders',
        loaded: 'select order_id, region, amount, status, updated_at::varchar as at from orders order by 1',
        raw: `select * from (values (1, 'North West', 10.50, 'new', '2026-01-01 08:00:00'),
              (2, 'Größe', 24.00, 'paid', '2026-01-02 11:00:00'), (4, 'North West', 99.90, 'new', '2026-01-02 13:45:00')) order by all`,
      },
      {
        loaded: 'select event_id::int as id, page, epoch_us(seen_at) as us from clicks order by 1',
        raw: `select * from (values (1, '/', 1767254400125000), (2, '/prices', 1767254401500000),
              (3, '/', 1767398399999999)) order by all`,
      },
      {
        loaded: 'select region, orders::int as n, amount from sales order by region',
        raw: "select * from (values ('Größe', 1, 24.00), ('North West', 2, 110.40)) order by all",
      },
    ],
  },
  databases: {
    vars: [],
    server: databasesExample,
    missing: noMariaDb,
    tables: { products: { raw: 'select 3' }, receipts: { raw: 'select 2', again: true } },
    same: [
      {
        loaded: 'select product_id, title, price, epoch_us(changed_at) as us from products order by all',
        raw: `select * from (values (1, 'Größe M', 10.50, 1767254400000001), (2, 'Coat', null, 1767346200500000),
              (4000000000, 'Hat', 0.99, 1767346200500000)) order by all`,
      },
      {
        loaded: 'select receipt_no, total from receipts order by all',
        raw: "select * from (values ('0001', 19.75), ('0002', 3.00)) order by all",
      },
    ],
  },
  'messy-files': {
    vars: [],
    tables: {
      sensors: { raw: 'select 2' },
      orders: { raw: 'select 5::bigint' },
      events: { raw: 'select 3::bigint' },
      readings: { raw: 'select 4::bigint' },
      visits: { raw: 'select 3::bigint' },
    },
    same: [
      {
        loaded: `select order_id, ordered_on::varchar as day, customer, length(email) as n, zip, amount, voucher, file[18:] as file
                 from orders order by all`,
        raw: `select * from (values
                ('00017', '2024-01-02', '****röße', 64, '01069', 1234.50, null, '01.csv'),
                ('00018', '2024-01-05', '****Köln', 64, '50667', 89.90, null, '01.csv'),
                ('00020', '2024-01-31', '****eile', null, '20095', -12.00, null, '01.csv'),
                ('00023', '2024-02-29', '****', 64, '10115', 10.00, 'SOMMER', '02.csv'),
                ('00024', '2024-02-29', '****', 64, '10117', null, null, '02.csv')) order by all`,
      },
      {
        loaded:
          'select id, epoch_us(happened_at) as us, length(user_email) as n, user_tags, amount from events order by all',
        raw: `select * from (values (5::decimal(20,0), 1704585600000000, null, null, null::decimal(16,2)),
                (9007199254740993, 1704445200000900, 64, '[]', 99999999999999.99),
                (23958446825181076829, 1704445200000100, 64, '["new"]', 0.10)) order by all`,
      },
      {
        loaded: 'select station, day::varchar as day, celsius, file[25:] as file from readings order by all',
        raw: `select * from (values ('Größ-1', '2024-01-31', 120.5, '2024/january.txt'),
                ('Größ-1', '2024-02-29', 9.8, '2024/february.txt'), ('Nord-2', '2024-01-31', -7.5, '2024/january.txt'),
                ('Süd-3', '2024-02-29', null, '2024/february.txt')) order by all`,
      },
      {
        loaded:
          'select count(distinct host) as hosts, max(epoch(happened_at))::bigint as last, sum(status), sum(bytes) from visits',
        raw: 'select 2 as a, 1706742001 as b, 906 as c, 5432 as d',
      },
      {
        loaded:
          'select job, code, count(*) as n, count("row") as texts from _sluice_quarantine group by all order by all',
        raw: `select * from (values ('events', 'format/json', 1, 0), ('events', 'type/value', 1, 0), ('orders', 'format/row-width', 1, 0),
                ('orders', 'type/value', 2, 2), ('visits', 'format/no-match', 1, 0)) order by all`,
      },
    ],
  },
  quickstart: {
    vars: [`data=${data}`],
    tables: {
      airports: { raw: `select count(*) from read_csv('${data}/airports.csv', all_varchar = true)` },
      zipcodes: { raw: `select count(*) from read_csv('${data}/zipcodes.csv', all_varchar = true)` },
      flights: { raw: `select count(*) from '${data}/flights-3m.parquet'` },
      delays_by_origin: { raw: `select count(distinct origin) from '${data}/flights-3m.parquet'`, again: true },
    },
    same: [
      {
        loaded: "select zip_code, typeof(zip_code) as type, city from zipcodes where zip_code < '01000' order by all",
        raw: `select zip_code, 'VARCHAR' as type, city from read_csv('${data}/zipcodes.csv', all_varchar = true)
              where zip_code < '01000' order by all`,
      },
      {
        loaded: 'select typeof(latitude) as type, sum(latitude)::decimal(18,6) as sum from airports group by all',
        raw: `select 'DOUBLE' as type, sum(latitude::double)::decimal(18,6) as sum
              from read_csv('${data}/airports.csv', all_varchar = true)`,
      },
      {
        loaded: 'select origin, flights, average_delay from delays_by_origin order by origin',
        raw: `select origin, count(*) as flights, round(avg(delay), 2) as average_delay
              from '${data}/flights-3m.parquet' group by origin order by origin`,
      },
    ],
  },
};

const events = fileURLToPath(new URL('../../examples/daily-windows/events', import.meta.url));
const march = ['backfill', 'events', '--quiet', '--from', '2026-03-01', '--to', '2026-03-04'];
expectations['daily-windows'] = {
  vars: [],
  before: [march, [...march, '--force']],
  // Yesterday's folder is not among the files: `run` loads the last finished day once more and nothing else.
  tables: { events: { raw: `select count(distinct event_id) from '${events}/*/*.csv'`, again: true } },
  same: [
    {
      loaded: 'select event_id, epoch(day)::bigint as day, amount from events order by all',
      raw: `select distinct event_id, epoch(date_trunc('day', event_time))::bigint as day, amount::decimal(12,2) as amount
            from read_csv('${events}/*/*.csv') order by all`,
    },
  ],
};

async function rawRows(sql: string): Promise<unknown[]> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const reader = await connection.runAndReadAll(sql);
  const rows = reader.getRowObjectsJson();
  connection.closeSync();
  instance.closeSync();
  return rows;
}

it('every example has its expectations', () => {
  expect(names.sort()).toEqual(Object.keys(expectations).sort());
});

for (const [name, expected] of Object.entries(expectations)) {
  const title = expected.missing ? `${name} (${expected.missing})` : name;
  describe.skipIf(expected.missing)(title, () => runs(name, expected));
}

function runs(name: string, expected: Expectation): void {
  let db: TestDatabase;
  let server: ExampleServer | undefined;
  let cwd: string;
  const from = (job = expected.job) => (job === undefined ? [] : ['--job', job]);
  const vars = expected.vars.flatMap((value) => ['--var', value]);
  const run = (...args: string[]) => sluice([...args, ...vars], { cwd, env: { DATABASE_URL: db.url, ...server?.env } });

  beforeAll(async () => {
    db = await testDatabase();
    server = await expected.server?.();
    cwd = join(await realpath(await mkdtemp(join(tmpdir(), 'sluice-example-'))), name);
    await cp(join(examples, name), cwd, { recursive: true, filter: (path) => basename(path) !== '.sluice' });
  });
  afterAll(async () => {
    await rm(join(cwd, '..'), { recursive: true, force: true });
    await db.drop();
    await server?.stop();
  });

  it('has no finding', async () => {
    const { code, stdout } = await run('validate', '--fail-on', 'warning');
    expect([code, stdout]).toEqual([0, '']);
    expect((await sluice(['validate'], { cwd: join(examples, name) })).code).toBe(0);
  });

  it('loads every row of its files', async () => {
    for (const args of expected.before ?? []) expect((await run(...args)).code).toBe(0);
    const { code, stderr } = await run('run', '--quiet', '--select', 'path:jobs');
    expect([code, stderr]).toEqual([0, '']);
    for (const job of new Set(Object.values(expected.tables).map((table) => table.job))) {
      const tables = Object.entries(expected.tables).filter(([, table]) => table.job === job);
      const counts = tables.map(([table]) => `select '${table}' as name, count(*)::varchar as n from ${table}`);
      const found = await run('sql', '--json', counts.join(' union all '), ...from(job));
      const wanted = tables.map(([table, { raw }]) => `select '${table}' as name, (${raw})::varchar as n`);
      expect(JSON.parse(found.stdout)).toEqual(expect.arrayContaining(await rawRows(wanted.join(' union all '))));
    }
    for (const { loaded, raw, job } of expected.same) {
      const { stdout } = await run('sql', '--json', loaded, ...from(job));
      const plain = (rows: unknown[]) => rows.map((row) => Object.values(row as object).map(String));
      expect(plain(JSON.parse(stdout))).toEqual(plain(await rawRows(raw)));
    }
  });

  it('loads nothing twice', async () => {
    const { code, stdout } = await run('run', '--select', 'path:jobs', '--json');
    expect(code).toBe(0);
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const streams = lines.flatMap((line) => line.streams as { stream: string; rows_written: number }[]);
    const written = new Map<string, number>();
    for (const { stream, rows_written } of streams) written.set(stream, (written.get(stream) ?? 0) + rows_written);
    expect([...written.keys()].sort()).toEqual(Object.keys(expected.tables).sort());
    for (const [stream, rows] of written)
      expect([stream, rows > 0]).toEqual([stream, expected.tables[stream]?.again === true]);
  });
}
