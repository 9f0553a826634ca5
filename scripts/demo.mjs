// `npm run demo`: loads the quickstart's files into its embedded warehouse, shows the tables, and loads again.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const sluice = fileURLToPath(new URL('../runner/dist/sluice.js', import.meta.url));
const cwd = fileURLToPath(new URL('../examples/quickstart', import.meta.url));
const JOBS = ['airports', 'zipcodes', 'flights'];
const TABLES = { airports: 'iata', zipcodes: 'zip_code', flights: 'departed_at', delays_by_origin: 'flights desc' };

function run(args, stdout = 'inherit') {
  const stdio = ['ignore', stdout, 'inherit'];
  const done = spawnSync(process.execPath, [sluice, ...args], { cwd, stdio, encoding: 'utf8' });
  if (done.status !== 0) process.exit(done.status ?? 1);
  return done.stdout ?? '';
}

function rowsOf(table) {
  const [{ n }] = JSON.parse(run(['sql', '--json', `select count(*) as n from ${table}`], 'pipe'));
  return n;
}

for (const end of ['', '.wal']) rmSync(`${cwd}/.sluice/warehouse.duckdb${end}`, { force: true });
console.log('First run: everything is new.');
run(['run', ...JOBS]);
const before = {};
for (const [table, order] of Object.entries(TABLES)) {
  before[table] = rowsOf(table);
  console.log(`\n${table} rows=${before[table]}`);
  run(['sql', '--quiet', `select * from ${table} order by ${order} limit 5`]);
}
console.log('\nSecond run: no file is new, so nothing is loaded; the aggregate is made anew.');
run(['run', ...JOBS]);
for (const table of Object.keys(TABLES)) {
  const rows = rowsOf(table);
  console.log(`${table} rows=${rows}, ${rows - before[table]} new`);
}
