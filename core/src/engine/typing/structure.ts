import type { Engine } from '../../model/component.ts';
import { ident } from '../../model/sql.ts';
import type { DataType } from '../../model/type.ts';
import { guardedCast, plainRule } from './cast.ts';

/** Fields of an object beyond which its names are taken for values: a map, and no struct. */
const MOST_FIELDS = 64;

/** The engine's words for JSON values, and the type that keeps them. Of a field without a value nothing is known: text takes any. */
const SCALARS: Readonly<Record<string, DataType>> = {
  BOOLEAN: { kind: 'boolean' },
  BIGINT: { kind: 'bigint' },
  UBIGINT: { kind: 'bigint' },
  HUGEINT: { kind: 'decimal', precision: 38, scale: 0 },
  DOUBLE: { kind: 'double' },
  VARCHAR: { kind: 'text' },
  NULL: { kind: 'text' },
};

/**
 * The list or struct that keeps every JSON value of a column of a relation, by the same guard as a run's; null where there is none:
 * the values are of several forms, have too many names, or numbers that the type would change.
 */
export async function nestedType(engine: Engine, relation: string, column: string): Promise<DataType | null> {
  const name = ident(column);
  const from = `FROM ${relation} WHERE ${name} IS NOT NULL AND json_type(${name}) <> 'NULL'`;
  const [row] = await engine.rows(`SELECT json_group_structure(${name})::VARCHAR AS structure ${from}`);
  const type = typeof row?.structure === 'string' ? typeOf(JSON.parse(row.structure)) : null;
  // A list of any JSON says no more than JSON.
  const isMore = type?.kind === 'struct' || (type?.kind === 'list' && type.item.kind !== 'json');
  if (!isMore) return null;
  const { bad } = guardedCast(name, { kind: 'json' }, plainRule(type, false));
  const [count] = await engine.rows(`SELECT count(*) AS n ${from} AND ${bad}`);
  return Number(count?.n) === 0 ? type : null;
}

function typeOf(structure: unknown): DataType | null {
  if (typeof structure === 'string') return structure === 'JSON' ? { kind: 'json' } : (SCALARS[structure] ?? null);
  if (Array.isArray(structure)) {
    const item = typeOf(structure[0] ?? 'NULL');
    return item && { kind: 'list', item };
  }
  if (typeof structure !== 'object' || structure === null) return null;
  const entries = Object.entries(structure);
  if (entries.length === 0 || entries.length > MOST_FIELDS) return { kind: 'json' };
  const fields = entries.map(([name, inner]) => ({ name, type: typeOf(inner) }));
  return fields.every((field): field is { name: string; type: DataType } => field.type !== null)
    ? { kind: 'struct', fields }
    : null;
}
