import { guardedCast, plainRule } from '../../engine/typing/cast.ts';
import { widerType } from '../../engine/typing/widen.ts';
import type { Engine, FormatReader, LocalFile, RawColumn, RowSpan, Sniffed } from '../../model/component.ts';
import { toDuckType } from '../../model/duck.ts';
import { SluiceError } from '../../model/error.ts';
import type { JsonObject } from '../../model/json.ts';
import { ident, literal, literalList } from '../../model/sql.ts';
import { type DataType, formatType, sameType } from '../../model/type.ts';
import { key } from '../shared/names.ts';
import { plainPath } from '../shared/path.ts';
import { scanSql } from '../shared/scan-sql.ts';
import { type FileSchema, fileSchema, firstLine, typeOf, unreadable } from './file-schema.ts';
import { fetchParts } from './parts.ts';

type Dialect = JsonObject & { schemas: FileSchema[]; files: [number, number][]; unread?: string[] };

/** Raised in the scan by a value that its column's type would change; ordinal and column follow. */
const LOSSY = 'sluice-lossy:';
/** The engine's own columns beside a file's; a file that has one of these names is read by itself. */
const VIRTUAL = new Set(['file_row_number', 'file_index', 'filename']);

export const parquet: FormatReader = {
  async sniff(files, _settings, engine) {
    const dialect: Dialect = { schemas: [], files: [] };
    const columns = new Map<string, RawColumn & { type: DataType; file: LocalFile }>();
    const evidence: string[] = [];
    for (const file of files) {
      const schema = await fileSchema(file, engine);
      if (!addSchema(dialect, file, schema)) continue;
      const names = schema.columns.map((column) => `${column.name} ${formatType(typeOf(column))}`);
      evidence.push(`${file.name}: ${names.join(', ')}`);
      for (const column of schema.columns) {
        const known = columns.get(key(column.name));
        const type = known ? commonType(known, { name: column.name, type: typeOf(column), file }) : typeOf(column);
        if (known && !sameType(known.type, type)) {
          evidence.push(
            `${column.name} is ${formatType(type)}, because ${file.name} has ${formatType(typeOf(column))}`,
          );
        }
        columns.set(key(column.name), { name: known?.name ?? column.name, type, file: known?.file ?? file });
      }
    }
    const plain = [...columns.values()].map(({ name, type }) => ({ name, type }));
    return { dialect, columns: plain, evidence, ...(files[0] ? await rowBytes(files[0], engine) : {}) };
  },

  prune(sniffed, wanted) {
    const columns = sniffed.columns.filter(({ name }) => wanted.has(name));
    const unread = sniffed.columns.filter(({ name }) => !wanted.has(name)).map(({ name }) => key(name));
    if (columns.length === 0 || unread.length === 0) return sniffed;
    return { ...sniffed, columns, dialect: { ...sniffed.dialect, unread } };
  },

  fetchParts,

  async scan(files, sniffed, _settings, engine, options) {
    const groups = await grouped(files, sniffed, engine);
    const parts = groups.map((group) => groupSql(group, sniffed.columns, options.rowNumbers));
    return {
      sql: scanSql(parts, sniffed.columns, options),
      rejects: null,
    };
  },

  async explain(error, files) {
    const lossy = /sluice-lossy:(\d+):([^\n]*)/.exec(error.message);
    if (lossy) {
      const file = files.find((candidate) => candidate.ordinal === Number(lossy[1]));
      return lossyValue(file, lossy[2] ?? '');
    }
    if (!/parquet|TProtocol|magic bytes|decompress|snappy|zstd|gzip/i.test(error.message)) return null;
    const named =
      files.find((file) => error.message.includes(file.path)) ?? (files.length === 1 ? files[0] : undefined);
    return named ? unreadable(named, firstLine(error), error) : null;
  },
};

async function rowBytes(file: LocalFile, engine: Engine): Promise<{ row_bytes?: number }> {
  const [row] = await engine.rows(`SELECT num_rows FROM parquet_file_metadata(${literal(file.path)})`);
  const rows = Number(row?.num_rows ?? 0);
  return rows > 0 ? { row_bytes: file.size / rows } : {};
}

function lossyValue(file: LocalFile | undefined, column: string): SluiceError {
  const place = file ? { path: file.name, column } : { column };
  return new SluiceError(
    'format/schema-conflict',
    'data',
    `${file?.name ?? 'A file'}: a value of ${column} cannot be kept under the column's common type`,
    {
      where: place,
      hint: 'Types of one column differ between files, or a timestamp has digits beyond the microsecond. Write the files with one type.',
    },
  );
}

/** Enters a file; true where its schema was not known before. */
function addSchema(dialect: Dialect, file: LocalFile, schema: FileSchema): boolean {
  const text = JSON.stringify(schema);
  const index = dialect.schemas.findIndex((known) => JSON.stringify(known) === text);
  dialect.files.push([file.ordinal, index >= 0 ? index : dialect.schemas.length]);
  if (index < 0) dialect.schemas.push(schema);
  return index < 0;
}

interface Typed {
  name: string;
  type: DataType;
  file: LocalFile;
}

/** Throws where one of two types is text and the other not: as text the values would no longer be what they were. */
function commonType(known: Typed, found: Typed): DataType {
  const type = widerType(known.type, found.type);
  if (type.kind !== 'text' || sameType(known.type, found.type)) return type;
  const types = `${formatType(known.type)} in ${known.file.name} and ${formatType(found.type)} in ${found.file.name}`;
  throw new SluiceError('format/schema-conflict', 'data', `Column ${known.name} is ${types}`, {
    where: { path: found.file.name, column: known.name },
    hint: 'Write the files with one type, or load them by jobs of their own.',
  });
}

/** Neighbours with one schema, read together. */
interface Group {
  schema: FileSchema;
  files: { file: LocalFile; path: string }[];
  alone: boolean;
}

async function grouped(files: readonly LocalFile[], sniffed: Sniffed, engine: Engine): Promise<Group[]> {
  const dialect = sniffed.dialect as Dialect;
  const groups: Group[] = [];
  for (const file of files) {
    const entry = dialect.files.find(([ordinal]) => ordinal === file.ordinal);
    const schema = (entry && dialect.schemas[entry[1]]) ?? (await fitting(file, sniffed, engine));
    const path = await plainPath(file, engine);
    const alone = schema.columns.some((column) => VIRTUAL.has(key(column.raw)));
    const last = groups.at(-1);
    const whole = !file.skipped && last?.files.every((other) => !other.file.skipped);
    const alike = last && whole && !alone && !last.alone && JSON.stringify(last.schema) === JSON.stringify(schema);
    if (alike) last.files.push({ file, path });
    else groups.push({ schema, files: [{ file, path }], alone });
  }
  return groups;
}

/** The schema of a file that the dialect was not made from; it must fit the run's columns. */
async function fitting(file: LocalFile, sniffed: Sniffed, engine: Engine): Promise<FileSchema> {
  const schema = await fileSchema(file, engine);
  const columns = new Map(sniffed.columns.map((column) => [key(column.name), column.type]));
  const unread = new Set((sniffed.dialect as Dialect).unread ?? []);
  for (const column of schema.columns) {
    if (unread.has(key(column.name))) continue;
    const type = columns.get(key(column.name));
    if (type && sameType(widerType(type, typeOf(column)), type)) continue;
    const found = `${column.name} ${formatType(typeOf(column))}`;
    throw new SluiceError(
      'format/columns',
      'data',
      `${file.name} has a column that the run did not see before: ${found}`,
      {
        where: { path: file.name, column: column.name },
        hint: 'Run again: the columns are then found before the first row is read.',
      },
    );
  }
  return schema;
}

function groupSql(group: Group, columns: readonly RawColumn[], rowNumbers: boolean): string {
  const own = new Map(group.schema.columns.map((column) => [key(column.name), column]));
  const ordinals = group.files.map(({ file }) => file.ordinal).join(', ');
  const ordinal =
    group.files.length === 1 ? `${ordinals}::INTEGER` : `list_extract([${ordinals}], file_index::BIGINT + 1)::INTEGER`;
  const items = columns.map((column) => {
    const found = own.get(key(column.name));
    const type = column.type ?? { kind: 'text' };
    const value = found ? valueSql(found, type, ordinal) : `NULL::${toDuckType(type)}`;
    return `${value} AS ${ident(column.name)}`;
  });
  items.push(`${ordinal} AS "_file"`);
  if (rowNumbers) {
    const number = group.alone ? '(row_number() OVER () - 1)' : 'file_row_number';
    items.push(`${number} + 1${skippedSql(number, group.files[0]?.file.skipped ?? [])} AS "_row"`);
  }
  return `SELECT ${items.join(', ')} FROM read_parquet(${literalList(group.files.map(({ path }) => path))})`;
}

/** What is added to a row's number among those that are in the file, for the rows before it that are not. */
function skippedSql(number: string, skipped: readonly RowSpan[]): string {
  let left = 0;
  const added = skipped.map(([from, to]) => {
    const place = from - left;
    left += to - from;
    return ` + CASE WHEN ${number} >= ${place} THEN ${to - from} ELSE 0 END`;
  });
  return added.join('');
}

function valueSql(column: FileSchema['columns'][number], type: DataType, ordinal: string): string {
  const name = ident(column.raw);
  const own = typeOf(column);
  const lossy = `error(concat('${LOSSY}', ${ordinal}, ${literal(`:${column.name}`)}))`;
  if (column.engine === 'TIMESTAMP_NS') {
    const cut = `CASE WHEN epoch_ns(${name}) % 1000 <> 0 THEN ${lossy} ELSE ${name}::TIMESTAMP END`;
    return sameType(own, type) ? cut : guardedCast(`(${cut})`, own, plainRule(type, false)).checked(lossy);
  }
  const kept = toDuckType(own) === column.engine ? name : `${name}::${toDuckType(own)}`;
  return sameType(own, type) ? kept : guardedCast(kept, own, plainRule(type, false)).checked(lossy);
}
