import { expect, it } from 'vitest';
import type { LocalFile } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import { PlainElements, SHORT, UNLIKE } from './plain.ts';
import { Document } from './records.ts';
import { objectOf } from './values.ts';

/** Plain records are taken without the strict parser, and have to be what it would have made of them. */

const file: LocalFile = { path: 'f.xml', name: 'f.xml', size: 0, modified_at: null, ordinal: 0 };

/** Each record with its line, and what the document ends with. A declaration of 1.1 leaves all to the strict parser. */
function read(
  body: string,
  path: string[] | null,
  pieces: readonly number[],
  version: '1.0' | '1.1',
  most = 40,
): string[] {
  const found: string[] = [];
  const head = `<?xml version="${version}"?>`;
  try {
    const document = new Document(file, path, (record, line) => found.push(`${line} ${objectOf(record)}`) < most);
    document.push(head + body.slice(0, pieces[0]));
    for (const [i, from] of pieces.entries()) if (!document.ended) document.push(body.slice(from, pieces[i + 1]));
    if (!document.ended) document.close();
    found.push(`others ${[...document.others].join(' ')}`);
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    // Its line is where the piece that the parser has ends, or the tag.
    found.push(`${error.code} ${error.message.replace(/line \d+/, '')}`);
  }
  return found;
}

let seed = 1;
function pick<T>(...of: T[]): T {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return of[(seed >>> 8) % of.length] as T;
}
const often = <T>(usual: T, ...others: T[]): T => (pick(0, 1, 2, 3, 4, 5, 6, 7) > 0 ? usual : pick(...others));

function element(name: string, depth: number): string {
  const attribute = () =>
    `${pick(' ', ' ', '\n ')}${pick('id', 'k-1', 'ns:x', 'é')}=${pick('"1"', "'a b'", '"a&amp;b"', '"x>y"', '"it\'s"', '"a\nb"', '""')}`;
  const attributes = often('', attribute(), ' xsi:nil="true"', ' xmlns:a="b"', ' ');
  const text = () =>
    often(
      pick('', 'plain', ' a ', '12.5', 'ü 😀', 'a\nb', 'a > b', 'a]]b'),
      '&lt;',
      '<![CDATA[x<y]]>',
      '<!-- c -->',
      '&#665;',
    );
  const child = () => element(pick('a', 'b', 'c.d', 'row', 'ns:e', 'longer_than_a_few'), depth - 1);
  const inner = depth > 0 ? Array.from({ length: pick(0, 1, 2, 5) }, () => text() + child()).join('') : '';
  if (inner === '' && pick(0, 1, 2) === 0) return `<${name}${attributes}/>`;
  return `<${name}${attributes}>${inner}${text()}</${name}${often('', ' ')}>`;
}

function documentOf(): string {
  const end = pick('\n', '', '\n  ', '\r\n');
  const rows = Array.from({ length: pick(1, 3, 12) }, () => {
    const row = element(often('row', 'rows', 'ns:row', 'other'), pick(0, 1, 1, 2));
    return end + often(row, `<!-- </row> -->${row}`, `<?p </row>?>${row}`, `text ${row}`, `<![CDATA[<row>]]>${row}`);
  });
  const text = `<rows>${rows.join('')}${end}</rows>${pick('', '\n')}`;
  // Some are broken: a character is gone, doubled, or another one.
  if (pick(0, 1, 2) > 0) return text;
  const at = Math.floor(((seed % 1000) / 1000) * text.length);
  return (
    text.slice(0, at) +
    pick('', '<', '>', '&', '\u0000', ']]>', '/', text.charAt(at) + text.charAt(at)) +
    text.slice(at + 1)
  );
}

it("gives the strict parser's records, lines and errors, however the text is cut", () => {
  let records = 0;
  for (let round = 0; round < 1500; round++) {
    const text = documentOf();
    const path = pick(null, ['rows', 'row'], ['rows', 'a'], ['rows', 'row', 'a'], ['rows']);
    const strict = read(text, path, [], '1.1');
    const cuts = Array.from({ length: pick(0, 1, 4) }, () => (pick(...Array(97).keys()) * text.length) / 97)
      .map(Math.floor)
      .sort((a, b) => a - b);
    expect(read(text, path, cuts, '1.0'), `${JSON.stringify(path)} ${JSON.stringify(cuts)} ${text}`).toEqual(strict);
    records += strict.length - 1;
  }
  expect(records).toBeGreaterThan(2000);
});

it.each(['\n', '\r\n', '\r', ''])('where hardly a record is plain, between line ends %j', (end) => {
  const row = (i: number) => `<row>${end}<a>${i}${i % 50 === 0 ? '' : ' &amp; '}</a>${end}</row>${end}`;
  const text = `<rows>${end}${Array.from({ length: 300 }, (_, i) => row(i)).join('')}</rows>`;
  const cuts = [...text].flatMap((character, i) => (character === '\r' || i % 61 === 0 ? [i + 1] : []));
  const strict = read(text, null, [], '1.1', 1000);
  expect(strict).toHaveLength(301);
  for (const pieces of [[], cuts]) expect(read(text, null, pieces, '1.0', 1000)).toEqual(strict);
});

it.each([
  ['<r><a>1</a><b x="2"/></r> ', 25],
  ['<r>\n</r >', UNLIKE],
  ['<r>a &amp; b</r>', UNLIKE],
  ['<r><!-- --></r>', UNLIKE],
  ['<r>]]></r>', UNLIKE],
  ['<r a="1" a="2"/>', UNLIKE],
  ['<é/>', UNLIKE],
  ['<r><a></b></r>', UNLIKE],
  ['<r><a>1</a', SHORT],
  ['<r a="1', SHORT],
])('%s', (text, end) => {
  const plain = new PlainElements();
  plain.over(text);
  expect(plain.read(0)).toBe(end);
});
