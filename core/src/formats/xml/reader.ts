import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Engine, FormatReader, LocalFile, Sniffed } from '../../model/component.ts';
import type { JsonObject } from '../../model/json.ts';
import { json } from '../json/reader.ts';
import { FLUSH, Writer } from '../shared/writer.ts';
import { visitRecords } from './records.ts';

/** Records looked at in each of the first files, and in each one after them. */
const FULL_SAMPLE = 20_000;
const SHORT_SAMPLE = 1000;
const FULL_SAMPLES = 16;
const LINES = { layout: 'ndjson' };

let made = 0;

/** XML 1.0. Records become lines of JSON in the spool, whose scalars are all strings, and are read as such. */
export const xml: FormatReader = {
  async sniff(files, settings, engine) {
    const lines: LocalFile[] = [];
    for (const [i, file] of files.entries()) {
      lines.push(await toLines(file, settings, engine, i < FULL_SAMPLES ? FULL_SAMPLE : SHORT_SAMPLE));
    }
    const sniffed = await json.sniff(lines, LINES, engine);
    return {
      ...untyped(sniffed),
      evidence: sniffed.evidence.map((text) => text.replace(': a document on each line', '')),
    };
  },

  expect(sniffed, columns) {
    return untyped(json.expect?.(sniffed, columns) ?? sniffed);
  },

  async scan(files, sniffed, settings, engine, options) {
    const lines: LocalFile[] = [];
    for (const file of files) {
      lines.push(await toLines(file, settings, engine, options.limit ?? Number.POSITIVE_INFINITY));
    }
    return json.scan(lines, sniffed, LINES, engine, options);
  },

  explain: json.explain,
};

/** A text of XML is a text for want of anything else. */
function untyped(sniffed: Sniffed): Sniffed {
  const columns = sniffed.columns.map((column) => (column.type?.kind === 'text' ? { ...column, type: null } : column));
  return { ...sniffed, columns };
}

async function toLines(file: LocalFile, settings: JsonObject, engine: Engine, most: number): Promise<LocalFile> {
  const path = join(engine.spool, `xml-${process.pid}-${made++}.ndjson`);
  const writer = new Writer(await open(path, 'w'));
  const { record_path: written } = settings;
  const names = typeof written === 'string' ? written.replace(/^\//, '').split('/') : null;
  let records = 0;
  try {
    await visitRecords(
      file,
      names,
      (record) => {
        writer.text(Buffer.from(`${record}\n`).toString('latin1'));
        return ++records < most;
      },
      async () => {
        await writer.flush(FLUSH);
      },
    );
    await writer.flush(0);
  } finally {
    await writer.close();
  }
  return { ...file, path, size: (await stat(path)).size };
}
