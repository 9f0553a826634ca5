import { join } from 'node:path';
import type { FormatReader } from '../../model/component.ts';
import type { JsonObject } from '../../model/json.ts';
import type { DataType } from '../../model/type.ts';
import { keptLines } from '../shared/kept.ts';
import { distinctNames } from '../shared/names.ts';
import { rawRowsSql } from '../shared/own-csv.ts';
import { lineBytes } from '../shared/sample.ts';
import { scanSql } from '../shared/scan-sql.ts';
import { rejectsSql } from '../shared/writer.ts';
import { asUtf8, jsonEncoding } from './encoding.ts';
import { confirmation, mayBeQuick, type QuickFile, quickSql } from './quick.ts';
import type { Layout } from './records.ts';
import { isWhole, rewrite } from './rewrite.ts';
import { readSettings } from './settings.ts';
import { type Field, guessOf, layoutOf, sniffFields } from './sniff.ts';

/** The dialect of a run: each file's layout by its ordinal, the field of each column, and the digits behind its numbers' points. */
type Dialect = JsonObject & { files: [number, Layout][]; fields: string[]; scales: (number | null)[] };

/** Bytes looked at in each of the first files, and in each one after them. */
const FULL_SAMPLE = 4 * 1024 * 1024;
const SHORT_SAMPLE = 256 * 1024;
const FULL_SAMPLES = 16;

const TEXT: DataType = { kind: 'text' };
const JSON_TYPE: DataType = { kind: 'json' };

let made = 0;

export const json: FormatReader = {
  async divisible(file, settings) {
    const { layout, path, encoding } = readSettings(settings);
    if (path.length > 0 || (await jsonEncoding(file, encoding)) !== 'utf-8') return false;
    return (layout ?? (await layoutOf(file))) === 'ndjson';
  },

  async sniff(files, settings, engine) {
    const { layout, path, encoding } = readSettings(settings);
    const fields = new Map<string, Field>();
    const dialect: Dialect = { files: [], fields: [], scales: [] };
    const evidence: string[] = [];
    for (const [i, source] of files.entries()) {
      const file = await asUtf8(source, encoding, engine);
      const found = layout ?? (await layoutOf(file));
      const before = fields.size;
      const head = i < FULL_SAMPLES ? FULL_SAMPLE : SHORT_SAMPLE;
      const sample = source.whole ? Number.POSITIVE_INFINITY : head;
      const records = await sniffFields(file, { layout: found, path }, sample, fields);
      dialect.files.push([file.ordinal, found]);
      if (i > 0 && before === fields.size) continue;
      const added = [...fields.keys()].slice(before).join(', ');
      evidence.push(
        `${file.name}: ${LAYOUTS[found]}; seen in ${records} records${source.whole ? '' : ' of its head'}: ${added || 'no field'}`,
      );
    }
    dialect.fields = [...fields.keys()];
    dialect.scales = [...fields.values()].map((field) =>
      field.strings || field.nested ? null : (field.scale ?? null),
    );
    const names = distinctNames(dialect.fields);
    const columns = [...fields.values()].map((field, i) => {
      const guess = guessOf(field);
      return { name: names[i] ?? field.name, type: typeOf(field), ...(guess ? { guess } : {}) };
    });
    const first = files[0];
    return { dialect, columns, evidence, ...(first ? await lineBytes(first) : {}) };
  },

  // A record was taken out of its list when it was set aside.
  again: async () => keptLines({ layout: 'ndjson' }),

  expect(sniffed, wanted) {
    const fields = [...(sniffed.dialect as Dialect).fields];
    const columns = sniffed.columns.map((column) => {
      const { type = null } = wanted.find(({ name }) => name === column.name) ?? {};
      return type !== null && isNested(type) ? { ...column, type: JSON_TYPE } : column;
    });
    for (const { name, type } of wanted) {
      if (columns.some((column) => column.name === name)) continue;
      fields.push(name);
      columns.push({ name, type: type !== null && isNested(type) ? JSON_TYPE : null });
    }
    const added = columns.slice(sniffed.columns.length).map((column) => column.name);
    const evidence = added.length > 0 ? [`no record of the heads has ${added.join(', ')}: NULL where none has`] : [];
    const dialect = { ...sniffed.dialect, fields };
    return { ...sniffed, columns, dialect, evidence: [...sniffed.evidence, ...evidence] };
  },

  pin(sniffed, settings) {
    const [first, ...others] = (sniffed.dialect as Dialect).files.map(([, layout]) => layout);
    const shared = first !== undefined && others.every((layout) => layout === first);
    return readSettings(settings).layout === null && shared ? { layout: first } : {};
  },

  async scan(sources, sniffed, settings, engine, options) {
    const { layout, path, encoding } = readSettings(settings);
    const dialect = sniffed.dialect as Dialect;
    const fields = sniffed.columns.map((column, i) => ({
      name: dialect.fields[i] ?? column.name,
      json: column.type?.kind === 'json',
      scale: dialect.scales[i] ?? null,
    }));
    const quickly = options.limit === undefined && path.length === 0 && mayBeQuick(fields);
    const quick: QuickFile[] = [];
    const name = `json-${process.pid}-${made++}`;
    const rejects = options.skipBadRows ? join(engine.spool, `${name}.rejects.csv`) : null;
    const parts: string[] = [];
    const others = { rows: 0, rejects: 0 };
    for (const source of sources) {
      const file = await asUtf8(source, encoding, engine);
      const known = dialect.files.find(([ordinal]) => ordinal === file.ordinal)?.[1];
      const reading = { layout: layout ?? known ?? (await layoutOf(file)), path };
      const one = { file, layout: reading.layout };
      const asked = { rowNumbers: options.rowNumbers, confirmed: options.confirmed === true };
      const sql = quickly ? await quickSql(one, fields, sniffed.columns, engine, asked) : null;
      if (sql !== null) {
        quick.push(one);
        parts.push(sql);
        continue;
      }
      const rows = join(engine.spool, `${name}-${file.ordinal}.csv`);
      const onBytes = (count: number) => engine.readBytes?.(count);
      const done = await rewrite(file, reading, { fields, rows, rejects, limit: options.limit ?? null, onBytes });
      others.rows += done.rows;
      others.rejects += done.rejects;
      parts.push(rawRowsSql(file, { ...done, path: rows }, sniffed.columns, options.rowNumbers));
    }
    return {
      sql: scanSql(parts, sniffed.columns, options),
      rejects: rejects !== null && others.rejects > 0 ? rejectsSql(rejects) : null,
      ...(quick.length > 0 && options.confirmed
        ? { confirm: confirmation(quick, fields, others.rows + others.rejects, (one) => isWhole(one, fields)) }
        : {}),
    };
  },

  async explain() {
    return null;
  },
};

const LAYOUTS: Record<Layout, string> = { array: 'one document', ndjson: 'a document on each line' };

/** Lists and objects stay JSON; strings that look like numbers or booleans are text all the same. */
function typeOf(field: Field): DataType | null {
  if (field.nested) return JSON_TYPE;
  return field.numeric ? TEXT : null;
}

function isNested(type: DataType): boolean {
  return type.kind === 'json' || type.kind === 'list' || type.kind === 'struct';
}
