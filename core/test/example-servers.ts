import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { FakeGoogle } from './fake-google.ts';
import { HttpServer, json } from './http-server.ts';
import { testMariaDb } from './mariadb.ts';
import { startMoto } from './moto.ts';
import { testDatabase } from './postgres.ts';
import { startSshd } from './sshd.ts';
import { startVsftpd } from './vsftpd.ts';

/** What an example talks to, with the environment that leads to it. */
export interface ExampleServer {
  env: Record<string, string>;
  stop(): Promise<void>;
}

/** Files of the examples that are not text. */
const fixtures = fileURLToPath(new URL('./fixtures/examples', import.meta.url));
const CATALOG =
  '<catalog><article no="000017"><price>12.50</price></article><article no="000018"><price>0.99</price></article></catalog>';
const data = fileURLToPath(new URL('../../node_modules/vega-datasets/data', import.meta.url));

/** The database that `examples/many-tables/setup.sql` makes. */
export async function manyTablesExample(): Promise<ExampleServer> {
  const db = await testDatabase();
  const setup = fileURLToPath(new URL('../../examples/many-tables/setup.sql', import.meta.url));
  await db.query(await readFile(setup, 'utf8'));
  return { env: { CRM_URL: db.url }, stop: () => db.drop() };
}

/** An empty database for `examples/postgres-merge`. */
export async function warehouseExample(): Promise<ExampleServer> {
  const db = await testDatabase();
  return { env: { WAREHOUSE_URL: db.url }, stop: () => db.drop() };
}

/** A database of MariaDB that `examples/databases/setup.sql` makes. */
export async function databasesExample(): Promise<ExampleServer> {
  const db = await testMariaDb();
  const setup = fileURLToPath(new URL('../../examples/databases/setup.sql', import.meta.url));
  await db.query(await readFile(setup, 'utf8'));
  return { env: { SHOP_URL: db.url }, stop: () => db.drop() };
}

/** A bucket with two days of orders, one of them in draft, and objects of other formats. */
export async function s3Example(): Promise<ExampleServer> {
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
  const server = await startMoto();
  const credentials = { accessKeyId: 'example', secretAccessKey: 'example-secret' };
  const client = new S3Client({ endpoint: server.url, region: 'us-east-1', forcePathStyle: true, credentials });
  await client.send(new CreateBucketCommand({ Bucket: 'lake' }));
  const objects: Record<string, string | Buffer> = {
    'orders/2026-01-01/a b+c.csv': 'order_id,amount\n1,10.25\n2,20.75\n',
    'orders/2026-01-02/part.csv': 'order_id,amount\n3,30.25\n',
    'orders/2026-01-02/draft-part.csv': 'order_id,amount\n9,0.00\n',
    'flights.parquet': await readFile(`${data}/flights-3m.parquet`),
    'clicks/2026-01-01.ndjson': '{"id": 12345678901234567890, "page": "/"}\n{"id": 2, "page": "/prices"}\n',
    'readings/2026-01-01.avro': await readFile(`${fixtures}/readings.avro`),
  };
  for (const file of await readdir(`${fixtures}/sales`, { recursive: true, withFileTypes: true })) {
    const path = join(file.parentPath, file.name);
    if (file.isFile()) objects[`sales/${relative(`${fixtures}/sales`, path)}`] = await readFile(path);
  }
  for (const [key, body] of Object.entries(objects)) {
    await client.send(new PutObjectCommand({ Bucket: 'lake', Key: key, Body: Buffer.from(body) }));
  }
  client.destroy();
  const env = {
    LAKE_ENDPOINT: server.url,
    LAKE_BUCKET: 'lake',
    LAKE_KEY: credentials.accessKeyId,
    LAKE_SECRET: credentials.secretAccessKey,
  };
  return { env, stop: server.stop };
}

/** An API with five orders in pages of two, and a file of rates; both want a token. */
export async function httpExample(): Promise<ExampleServer> {
  const server = await HttpServer.start();
  const orders = [1, 2, 3, 4, 5].map((id) => ({
    id: `0${id}`,
    amount: id * 1.25,
    updated_at: `2026-01-0${id}T10:00:00Z`,
    lines: [{ item: `item ${id}` }],
  }));
  server.handler = ({ path, query, headers }, response) => {
    if (headers.authorization !== 'Bearer example-token') {
      response.writeHead(401).end();
      return;
    }
    if (path === '/api/exports/rates.csv') {
      const etag = '"rates-1"';
      const isKnown = headers['if-none-match'] === etag;
      response.writeHead(isKnown ? 304 : 200, { 'content-type': 'text/csv', etag });
      response.end(isKnown ? undefined : 'currency,rate\nEUR,1.0000\nCHF,0.9412\n');
      return;
    }
    if (path === '/api/exports/catalog.xml') {
      response.writeHead(200, { 'content-type': 'application/xml', 'last-modified': 'Thu, 01 Jan 2026 10:00:00 GMT' });
      response.end(CATALOG);
      return;
    }
    const since = Date.parse(query.updated_since ?? '1970-01-01');
    const wanted = orders.filter((order) => Date.parse(order.updated_at) > since);
    const from = Number(query.after ?? 0);
    const to = from + Number(query.limit);
    json(response, { data: wanted.slice(from, to), meta: { next: to < wanted.length ? String(to) : null } });
  };
  return { env: { SHOP_URL: `${server.url}/api`, SHOP_TOKEN: 'example-token' }, stop: () => server.stop() };
}

/** Invoices of two years on an OpenSSH server, one file half written. */
export async function sftpExample(): Promise<ExampleServer> {
  const server = await startSshd();
  const key = await server.key('example', '-t', 'ed25519', '-N', '');
  await invoices(join(server.dir, 'files'));
  const env = {
    PARTNER_HOST: '127.0.0.1',
    PARTNER_PORT: String(server.port),
    PARTNER_USER: server.user,
    PARTNER_KEY_FILE: key,
    PARTNER_HOST_KEY: server.fingerprint,
    PARTNER_ROOT: join(server.dir, 'files'),
  };
  return { env, stop: server.stop };
}

/** What the file servers of the examples hold: invoices, one file of them not finished, and files of other formats. */
async function invoices(folder: string): Promise<void> {
  const files = {
    'out/2025/invoices-1231.csv': 'invoice_no;total\n0007;1234,50\n',
    'out/2026/invoices-0101.csv': 'invoice_no;total\n0008;-0,75\n0009;12,00\n',
    'out/2026/invoices-0102.tmp.csv': 'invoice_no;total\n00',
    'out/catalog.xml': CATALOG,
    'out/deliveries.json': '[{"delivery": "0001", "weight": 0.10}, {"delivery": "0002", "weight": 99999999999999.99}]',
    'out/stock.txt': '000017   12\n000018    0\n',
  };
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
    await utimes(path, 1_760_000_000, 1_760_000_000);
  }
}

/** The same files on a vsftpd. */
export async function ftpExample(): Promise<ExampleServer> {
  const server = await startVsftpd();
  await invoices(server.files);
  return { env: { PARTNER_HOST: '127.0.0.1', PARTNER_PORT: String(server.port) }, stop: server.stop };
}

/** A spreadsheet and a folder with two files. */
export async function gdriveExample(): Promise<ExampleServer> {
  const google = await FakeGoogle.start();
  google.sheet('budget', 'Budget', {
    Notes: [['nothing']],
    Plan: [['Cost center', 'amount'], ['0100', 1234.5], [], ['0200', 0.1]],
  });
  google.folder('uploads', 'uploads');
  google.folder('team', 'team', 'uploads');
  google.put('u1', 'a.csv', { parent: 'uploads', text: 'id,v\n1,x\n' });
  google.put('u2', 'b.csv', { parent: 'team', text: 'id,v\n2,y\n' });
  google.put('u3', 'c.json', { parent: 'team', text: '[{"id": "01", "answer": true}]', mimeType: 'application/json' });
  const dir = await mkdtemp(join(tmpdir(), 'sluice-google-'));
  await writeFile(join(dir, 'google.json'), google.credentials);
  const env = {
    GOOGLE_CREDENTIALS_FILE: join(dir, 'google.json'),
    GOOGLE_ENDPOINT: google.url,
    BUDGET_FILE_ID: 'budget',
    UPLOADS_FOLDER_ID: 'uploads',
  };
  return {
    env,
    stop: async () => {
      await google.stop();
      await rm(dir, { recursive: true });
    },
  };
}
