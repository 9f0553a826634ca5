import { toDuckType } from './duck.ts';
import { ident, literal } from './sql.ts';
import type { DataType } from './type.ts';

/**
 * An engine expression of the JSON text (RFC 8259) of a value, NULL where the value is null. Numbers keep every digit,
 * which the engine's own to_json does not promise for `json` inside of structs; Infinity and NaN, which JSON lacks, are
 * texts as in protobuf's JSON mapping; dates and times are ISO 8601, bytes hexadecimal behind `\x`. The text is one line.
 */
export function jsonText(value: string, type: DataType, depth = 0): string {
  const text = `CAST(${value} AS VARCHAR)`;
  switch (type.kind) {
    case 'boolean':
    case 'int':
    case 'bigint':
    case 'decimal':
      return text;
    case 'double':
      return `CASE WHEN isfinite(${value}) THEN ${text} WHEN isnan(${value}) THEN '"NaN"' WHEN ${value} > 0 THEN '"Infinity"' WHEN ${value} < 0 THEN '"-Infinity"' END`;
    case 'text':
      return `CAST(to_json(${value}) AS VARCHAR)`;
    // A line break inside of a JSON text can only stand between tokens.
    case 'json':
      return `replace(replace(${text}, chr(10), ' '), chr(13), ' ')`;
    case 'binary':
      return `'"\\\\x' || lower(hex(${value})) || '"'`;
    case 'date':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
    case 'uuid':
      return `'"' || ${isoText(value, type.kind)} || '"'`;
    case 'list': {
      const item = `x${depth}`;
      const items = `list_transform(${value}, lambda ${item}: coalesce(${jsonText(item, type.item, depth + 1)}, 'null'))`;
      return `'[' || array_to_string(${items}, ',') || ']'`;
    }
    case 'struct': {
      const fields = type.fields.map((field) => ({
        name: field.name,
        value: jsonText(`struct_extract(${value}, ${literal(field.name)})`, field.type, depth),
      }));
      return `CASE WHEN ${value} IS NOT NULL THEN ${objectText(fields)} END`;
    }
  }
}

/** An engine expression of a JSON object; `fields` give each value's JSON text, NULL for null. */
export function objectText(fields: readonly { name: string; value: string }[]): string {
  const parts = fields.map(({ name, value }, i) => {
    const key = `${i === 0 ? '{' : ','}${JSON.stringify(name)}:`;
    return `${literal(key)} || coalesce(${value}, 'null')`;
  });
  return parts.length === 0 ? `'{}'` : `${parts.join(' || ')} || '}'`;
}

/**
 * An engine expression of a value's text in ISO 8601: `T` between date and time, `Z` behind an instant. Infinity and years
 * before 1, which the standard lacks, stay as the engine writes them.
 */
export function isoText(value: string, kind: 'date' | 'time' | 'timestamp' | 'timestamptz' | 'uuid'): string {
  const text = `CAST(${value} AS VARCHAR)`;
  if (kind !== 'timestamp' && kind !== 'timestamptz') return text;
  const first = kind === 'timestamp' ? `TIMESTAMP '0001-01-01'` : `TIMESTAMPTZ '0001-01-01 00:00:00+00'`;
  const iso = `replace(${text}, ' ', 'T')`;
  const shown = kind === 'timestamp' ? iso : `regexp_replace(${iso}, '\\+00$', 'Z')`;
  return `CASE WHEN isfinite(${value}) AND ${value} >= ${first} THEN ${shown} ELSE ${text} END`;
}

/** A column cast to its type: what the other expressions here rely on. */
export function typedColumn(name: string, type: DataType): string {
  return `CAST(${ident(name)} AS ${toDuckType(type)})`;
}
