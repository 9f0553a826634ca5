import { openEngine } from '../src/engine/duckdb.ts';
import { destinations } from '../src/registry.ts';
import { columns, Driver } from './destination-driver.ts';

/** A process that loads or stages and commits three rows, for a parent that has set SLUICE_FAULT to break it on the way. */
const [type, settings, how, table, folder] = JSON.parse(process.argv[2] ?? '[]') as [
  string,
  { [key: string]: string },
  'load' | 'stage',
  string,
  string,
];
const destination = await destinations[type]?.load();
if (!destination) throw new Error(`no destination ${type}`);
const engine = await openEngine({ spool: folder, threads: 1, memory: 200_000_000 });
const driver = new Driver({ destination, settings, schema: 'raw', select: async () => [] }, engine, table, folder);
const sql = `SELECT range::INT AS id, 'v' || range AS s FROM range(3)`;
await driver.run({ how, tasks: how === 'load' ? 1 : 2 }, sql, columns({ id: 'int', s: 'text' }));
engine.close();
