import { ident, literal } from '../../model/sql.ts';
import { type Part, partCount, partsBetween } from '../shared/ranges.ts';
import { tableOrQuery } from '../shared/table-name.ts';
import type { PgDb } from './client.ts';
import { conditions, type Described, fromSql, pgTable, type ReadSettings } from './read.ts';

/** From here on the server finds a range of places in a table without reading the rest. */
const TID_RANGES = 140_000;

/** Divides what is read into parts that together are all of it, each row in one. `parts`: how many can be read side by side. */
export async function partsOf(db: PgDb, settings: ReadSettings, described: Described, parts: number): Promise<Part[]> {
  const what = tableOrQuery(settings);
  const size = 'table' in what ? await sizeOf(db, what.table) : null;
  const count = partCount(size?.bytes ?? null, parts);
  const whole = [{ where: null, bytes: size?.bytes ?? null }];
  if (count <= 1) return whole;
  if (settings.partition_on !== undefined) return byColumn(db, settings, described, count, size?.bytes ?? null);
  if (size === null || !size.places) return whole;
  return byPlace(size, count);
}

interface Size {
  bytes: number;
  /** Blocks of the largest of its partitions. */
  blocks: number;
  /** The rows have places (ctid) that can be asked for by range. */
  places: boolean;
}

async function sizeOf(db: PgDb, table: string): Promise<Size | null> {
  const [schema, name] = pgTable(table);
  const [row] = await db.rows(
    `WITH RECURSIVE all_parts AS (
       SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = ${literal(schema)} AND c.relname = ${literal(name)}
       UNION ALL SELECT i.inhrelid FROM pg_inherits i JOIN all_parts p ON i.inhparent = p.oid)
     SELECT sum(pg_relation_size(c.oid)) AS bytes,
       max(pg_relation_size(c.oid)) / current_setting('block_size')::bigint AS blocks,
       bool_and(c.relkind IN ('r', 'm', 'p')) AND current_setting('server_version_num')::int >= ${TID_RANGES} AS places,
       bool_and(c.relkind IN ('r', 'm', 'p')) AS stored
     FROM all_parts JOIN pg_class c USING (oid)`,
  );
  if (row?.stored !== 't') return null;
  return { bytes: Number(row.bytes), blocks: Number(row.blocks), places: row.places === 't' };
}

/** Ranges of places hold for every partition: together they are all places that there are. */
function byPlace({ bytes, blocks }: Size, count: number): Part[] {
  const step = Math.max(1, Math.ceil(blocks / count));
  const starts = Array.from({ length: Math.max(1, Math.ceil(blocks / step)) }, (_, i) => i * step);
  return starts.map((start, i) => {
    const bounds = [
      ...(i === 0 ? [] : [`ctid >= '(${start},0)'::tid`]),
      ...(i === starts.length - 1 ? [] : [`ctid < '(${start + step},0)'::tid`]),
    ];
    return { where: bounds.length > 0 ? bounds.join(' AND ') : null, bytes: Math.round(bytes / starts.length) };
  });
}

async function byColumn(
  db: PgDb,
  settings: ReadSettings,
  { types }: Described,
  count: number,
  bytes: number | null,
): Promise<Part[]> {
  const name = ident(settings.partition_on ?? '');
  const type = types.get(settings.partition_on ?? '') ?? 'text';
  const own = conditions(settings, null, types);
  const isTime = /^(date|timestamp)/.test(type);
  const finite = isTime ? [`isfinite(${name})`] : [];
  const where = [...own, ...finite].map((c) => ` AND ${c}`).join('');
  const wide = isTime ? 'timestamp' : 'numeric';
  const share = isTime ? `(n / ${count}.0)` : `n / ${count}`;
  const found = await db.rows(
    `SELECT DISTINCT CAST(CAST(low + (high - low) * ${share} AS ${type}) AS text) AS bound, n FROM
       (SELECT min(${name})::${wide} AS low, max(${name})::${wide} AS high FROM ${fromSql(settings)} AS t WHERE true${where}) AS r
       CROSS JOIN generate_series(1, ${count - 1}) AS n WHERE low IS NOT NULL ORDER BY n`,
  );
  const bounds = [...new Set(found.map((row) => String(row.bound)))].map(
    (bound) => `CAST(${literal(bound)} AS ${type})`,
  );
  return partsBetween(name, bounds, bytes);
}
