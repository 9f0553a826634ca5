import type { Engine, FormatReader } from '../../model/component.ts';
import { messageOf, SluiceError } from '../../model/error.ts';
import type { JsonObject } from '../../model/json.ts';
import { ident, literal } from '../../model/sql.ts';
import { pinEncoding, sniffEncodings } from '../shared/encodings.ts';
import { keptTextLines } from '../shared/kept.ts';
import { type LineSettings, linesBefore, linesScan, scanLines } from '../shared/lines.ts';
import { distinctNames } from '../shared/names.ts';
import { type Groups, groupsOf, wrong } from './groups.ts';

/** Begins the error of the first line that the expression is not found in; the file's ordinal, the line and its place follow. */
const NO_MATCH = 'sluice-no-match:';
const MARK = new RegExp(`^Invalid Input Error: ${NO_MATCH}(\\d+):(\\d+):(\\d*):([01])`);

export const text: FormatReader = {
  divisible: async () => true,

  async sniff(files, settings, engine) {
    const { lines, groups } = readSettings(settings);
    if (groups) await tryOut(engine, groups);
    const names = groups ? groups.names.filter((name) => name !== null) : ['line'];
    const found = await sniffEncodings(files, lines.encoding);
    const columns = distinctNames(names).map((name) => ({ name, type: groups ? null : ({ kind: 'text' } as const) }));
    return { ...found, columns };
  },

  again: async (settings) => keptTextLines(settings),

  pin(sniffed, settings) {
    return pinEncoding(sniffed.dialect, readSettings(settings).lines.encoding);
  },

  async scan(files, sniffed, settings, engine, options) {
    const { lines, groups } = readSettings(settings);
    const found = await scanLines(files, sniffed, lines, engine, options);
    const [first] = sniffed.columns;
    if (!groups) return linesScan(found, `t AS ${ident(first?.name ?? 'line')}`, options);
    const matches = `regexp_matches(t, ${literal(groups.plain)})`;
    const fields = groups.names.map((_, i) => `'g${i}'`).join(', ');
    const named = groups.names.flatMap((name, i) => (name === null ? [] : [`nullif(g.g${i}, '')`]));
    const items = sniffed.columns.map((column, i) => `${named[i] ?? 'NULL::VARCHAR'} AS ${ident(column.name)}`);
    const scan = linesScan(
      {
        ...found,
        parts: found.parts.map(
          (part) => `SELECT *, regexp_extract(t, ${literal(groups.plain)}, [${fields}]) AS g FROM (${part})`,
        ),
      },
      items.join(', '),
      options,
      options.skipBadRows
        ? { where: matches, rejects: (part) => rejectedSql(part, matches) }
        : { where: `CASE WHEN ${matches} THEN true ELSE ${raise(found.numbered)} END`, rejects: null },
    );
    return scan;
  },

  async explain(error, files, sniffed) {
    const mark = MARK.exec(error.message);
    if (!mark) return null;
    const file = files.find(({ ordinal }) => String(ordinal) === mark[1]);
    const offset = mark[3] ? { byte_offset: Number(mark[3]) } : {};
    // The settings do not come along; those of encoding and footer do not change how lines before the piece are counted.
    const plain = { encoding: 'auto', skip: 0, footer: 0, blanks: true, reach: null };
    const before = file && mark[4] === '0' ? await linesBefore(file, sniffed, plain) : 0;
    const line = before + Number(mark[2]);
    return new SluiceError('format/no-match', 'data', `${file?.name ?? 'A file'}, line ${line}: ${REASON}`, {
      where: { path: file?.name ?? '', line, ...offset },
      hint: 'Widen the regex, or set `on_bad_row: quarantine` to set such lines aside.',
    });
  },
};

const REASON = 'the regex is not found in the line';

function raise(numbered: boolean): string {
  return `error('${NO_MATCH}' || f || ':' || l || ':' || coalesce(o::VARCHAR, '') || ':${numbered ? 1 : 0}')::BOOLEAN`;
}

function rejectedSql(lines: string, matches: string): string {
  const fault = `'format/no-match' AS code, ${literal(REASON)} AS reason`;
  return `SELECT f AS "_file", l AS line, o AS byte_offset, ${fault}, t AS "row" FROM (${lines}) WHERE NOT ${matches}`;
}

function readSettings(settings: JsonObject): { lines: LineSettings; groups: Groups | null } {
  const groups = typeof settings.regex === 'string' ? groupsOf(settings.regex) : null;
  const lines = {
    encoding: typeof settings.encoding === 'string' ? settings.encoding : 'auto',
    skip: Number(settings.skip_rows ?? 0),
    footer: Number(settings.skip_footer ?? 0),
    blanks: groups === null,
    reach: null,
  };
  return { lines, groups };
}

/** Throws `format/regex` where the engine cannot read the expression. */
async function tryOut(engine: Engine, groups: Groups): Promise<void> {
  try {
    await engine.run(`SELECT regexp_matches('', ${literal(groups.plain)})`);
  } catch (cause) {
    const [reason = ''] = messageOf(cause).split('\n');
    throw wrong(reason, 'It is RE2: no look-around, no back references. A backslash is written once in single quotes.');
  }
}
