import type { FormatWriter } from '../../model/component.ts';
import { toDuckType } from '../../model/duck.ts';
import { isoText, jsonText, typedColumn } from '../../model/json-sql.ts';
import { ident, literal, literalList } from '../../model/sql.ts';
import type { Column, DataType } from '../../model/type.ts';
import { copyToFiles } from '../shared/copy.ts';

/** RFC 4180 in UTF-8 with a header: text is always in quotes, and null is nothing, so that it differs from an empty text. */
export const csvWriter: FormatWriter = {
  extension: '.csv',

  write(engine, request) {
    const { columns, partitionBy } = request;
    const select = `SELECT ${columns.map((c) => `${cell(c)} AS ${ident(c.name)}`).join(', ')} FROM (${request.sql}) AS r`;
    const quoted = columns.filter((c) => TEXTS.has(c.type.kind)).map((c) => ident(c.name));
    const force = quoted.length > 0 ? `, FORCE_QUOTE (${quoted.join(', ')})` : '';
    const keep = partitionBy.length > 0 ? ', WRITE_PARTITION_COLUMNS true' : '';
    const options = `FORMAT csv, HEADER true, DELIMITER ',', QUOTE '"', ESCAPE '"', NULLSTR ''${force}${keep}`;
    return copyToFiles(engine, select, request, options, this.extension);
  },

  read(files, columns) {
    const types = columns.map((c) => `${literal(c.name)}: 'VARCHAR'`).join(', ');
    const values = columns.map((c) => `${back(ident(c.name), c.type)} AS ${ident(c.name)}`);
    return (
      `SELECT ${values.join(', ')} FROM read_csv(${literalList(files)}, auto_detect = false, header = true, delim = ',', quote = '"', escape = '"', ` +
      `allow_quoted_nulls = false, hive_partitioning = false, columns = {${types}})`
    );
  },
};

const TEXTS: ReadonlySet<DataType['kind']> = new Set(['text', 'json', 'list', 'struct']);

function cell({ name, type }: Column): string {
  const value = typedColumn(name, type);
  switch (type.kind) {
    case 'json':
    case 'list':
    case 'struct':
      return jsonText(value, type);
    case 'binary':
      return `'\\x' || lower(hex(${value}))`;
    case 'timestamp':
    case 'timestamptz':
      return isoText(value, type.kind);
    default:
      return `CAST(${value} AS VARCHAR)`;
  }
}

function back(value: string, type: DataType): string {
  if (type.kind === 'binary') return `unhex(substr(${value}, 3))`;
  if (type.kind === 'list' || type.kind === 'struct') return `from_json(CAST(${value} AS JSON), ${structure(type)})`;
  return `CAST(${value} AS ${toDuckType(type)})`;
}

/** The engine's JSON structure of a nested type, for from_json. */
function structure(type: DataType): string {
  return literal(JSON.stringify(shape(type)));
}

function shape(type: DataType): unknown {
  if (type.kind === 'list') return [shape(type.item)];
  if (type.kind === 'struct') return Object.fromEntries(type.fields.map((f) => [f.name, shape(f.type)]));
  return toDuckType(type);
}
