import { createHash } from 'node:crypto';
import { SluiceError } from '../../model/error.ts';
import { ident, literal } from '../../model/sql.ts';
import type { Column } from '../../model/type.ts';
import type { Dialect } from '../shared/tables.ts';
import type { PgDb } from './client.ts';
import type { CopyColumn } from './copy.ts';
import { fromPgType, toPgType } from './types.ts';

export const PG: Dialect = { type: toPgType, keys: true };

export interface PgTable {
  oid: string;
  columns: CopyColumn[];
}

/** A table as it stands, null where there is none. Throws destination/not-a-table for a view or the like. */
export async function readTable(db: PgDb, schema: string, name: string): Promise<PgTable | null> {
  const found = await db.rows(
    `SELECT c.oid, c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = ${literal(schema)} AND c.relname = ${literal(name)}`,
  );
  const table = found[0];
  if (!table) return null;
  if (!['r', 'p', 'f'].includes(String(table.relkind)))
    throw new SluiceError('destination/not-a-table', 'config', `"${schema}"."${name}" is there, but is no table.`, {
      hint: 'Give the destination another `table`.',
    });
  const rows = await db.rows(
    `SELECT a.attname, a.attnotnull, format_type(a.atttypid, a.atttypmod) AS type,
       t.typnamespace = 'pg_catalog'::regnamespace AS builtin,
       CASE t.typtype WHEN 'd' THEN format_type(t.typbasetype, t.typtypmod) ELSE format_type(a.atttypid, a.atttypmod) END AS base
     FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
     WHERE a.attrelid = ${table.oid} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
  );
  const columns = rows.map((row) => ({
    name: String(row.attname),
    type: fromPgType(String(row.base)),
    ...(row.builtin === 't' ? { native: String(row.type) } : {}),
    nullable: row.attnotnull !== 't',
    ...(row.base === 'numeric' ? { loose: true } : {}),
    pgType: String(row.type),
  }));
  return { oid: String(table.oid), columns };
}

/** Columns with the types that a new table has for them. */
export function newColumns(columns: readonly Column[]): CopyColumn[] {
  return columns.map((column) => ({ ...column, pgType: toPgType(column.type, column.native) }));
}

/** Columns with the types that they have in a table; those that it does not have as in a new one. */
export function columnsIn(columns: readonly Column[], table: readonly CopyColumn[]): CopyColumn[] {
  return columns.map((column) => {
    const own = table.find((c) => c.name === column.name);
    return { ...column, pgType: own?.pgType ?? toPgType(column.type, column.native) };
  });
}

/** Serialises work on one name until the transaction ends: two streams that make the same table, for instance. */
export async function lockName(db: PgDb, ...name: string[]): Promise<void> {
  const hash = createHash('sha256')
    .update(JSON.stringify(['sluice', ...name]))
    .digest();
  await db.run(`SELECT pg_advisory_xact_lock(${hash.readBigInt64BE()})`);
}

/**
 * Whether a table is as a load made it, so that a new one can take its place: nothing hangs on it that would be lost or
 * would forbid the drop, and its role is one of ours.
 */
export async function isPlain(db: PgDb, table: PgTable): Promise<boolean> {
  const rows = await db.rows(
    `SELECT c.relkind = 'r' AND c.relpersistence = 'p' AND NOT c.relispartition AND NOT c.relrowsecurity
       AND c.reloptions IS NULL AND c.reltablespace = 0 AND c.relreplident = 'd' AND c.reloftype = 0
       AND pg_has_role(c.relowner, 'USAGE')
       AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.deptype <> 'i')
       AND NOT EXISTS (SELECT 1 FROM pg_inherits i WHERE i.inhrelid = c.oid)
       AND NOT EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attacl IS NOT NULL) AS plain
     FROM pg_class c WHERE c.oid = ${table.oid}`,
  );
  return rows[0]?.plain === 't';
}

/** Puts a new table in the place of an old plain one, with its owner, grants and comments. Names are quoted. */
export async function swap(db: PgDb, old: PgTable, fresh: string, schema: string, name: string): Promise<void> {
  const place = ident(schema, name);
  for (const statement of await inheritance(db, old, fresh)) await db.run(statement);
  await db.run(`DROP TABLE ${place}`);
  await db.run(`ALTER TABLE ${fresh} RENAME TO ${ident(name)}`);
}

/** Statements that give a table what another has beside its rows. */
async function inheritance(db: PgDb, old: PgTable, fresh: string): Promise<string[]> {
  const grants = await db.rows(
    `SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee,
       a.privilege_type AS privilege, a.is_grantable AS grantable
     FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = ${old.oid} AND a.grantee <> c.relowner`,
  );
  const owner = await db.rows(
    `SELECT quote_ident(pg_get_userbyid(relowner)) AS owner FROM pg_class WHERE oid = ${old.oid} AND relowner <> current_user::regrole`,
  );
  const comments = await db.rows(
    `SELECT d.description, a.attname FROM pg_description d LEFT JOIN pg_attribute a ON a.attrelid = d.objoid AND a.attnum = d.objsubid AND d.objsubid > 0
     WHERE d.classoid = 'pg_class'::regclass AND d.objoid = ${old.oid}
       AND (d.objsubid = 0 OR EXISTS (SELECT 1 FROM pg_attribute n WHERE n.attrelid = ${literal(fresh)}::regclass AND n.attname = a.attname))`,
  );
  return [
    ...grants.map(
      (g) => `GRANT ${g.privilege} ON ${fresh} TO ${g.grantee}${g.grantable === 't' ? ' WITH GRANT OPTION' : ''}`,
    ),
    ...comments.map((c) =>
      c.attname === null
        ? `COMMENT ON TABLE ${fresh} IS ${literal(String(c.description))}`
        : `COMMENT ON COLUMN ${fresh}.${ident(String(c.attname))} IS ${literal(String(c.description))}`,
    ),
    ...owner.map((o) => `ALTER TABLE ${fresh} OWNER TO ${o.owner}`),
  ];
}

/** A value of one column type as another: by assignment where numbers or equal types meet, else by way of its text. */
export function convert(value: string, from: string, to: string): string {
  const number = (type: string) => /^(smallint|integer|bigint|real|double precision|numeric)/.test(type);
  if (from === to || (number(from) && number(to))) return value;
  return `CAST(CAST(${value} AS text) AS ${to})`;
}
