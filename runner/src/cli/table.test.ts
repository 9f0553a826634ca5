import { expect, it } from 'vitest';
import { renderRows } from './table.ts';
import { styleFor } from './terminal.ts';

const plain = styleFor({ isTTY: false });
const columns = [
  { name: 'id', type: { kind: 'bigint' } },
  { name: 'text', type: { kind: 'text' } },
  { name: 'id', type: { kind: 'decimal', precision: 20, scale: 2 } },
] as const;
const rows = [
  [1, 'a,"b"', '0.10'],
  ['9007199254740993', '', null],
  [3, 'x\n\u001b[31my', '-5.00'],
];
const render = (form: string) => renderRows({ columns, rows }, form, plain);

it('json: one object a row, exact, with every column', () => {
  expect(JSON.parse(render('json'))).toEqual([
    { id: 1, text: 'a,"b"', id_2: '0.10' },
    { id: '9007199254740993', text: '', id_2: null },
    { id: 3, text: 'x\n\u001b[31my', id_2: '-5.00' },
  ]);
  expect(
    render('ndjson')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual(JSON.parse(render('json')));
  expect(renderRows({ columns, rows: [] }, 'json', plain)).toBe('[]');
});

it('json: a column named like a prototype or a number is a column', () => {
  const names = ['__proto__', '2', '1'].map((name) => ({ name, type: { kind: 'int' } }) as const);
  expect(renderRows({ columns: names, rows: [[1, 2, 3]] }, 'json', plain)).toBe('[\n{"__proto__":1,"2":2,"1":3}\n]');
});

it('csv: null is nothing, an empty text is quoted', () => {
  expect(render('csv')).toBe('id,text,id_2\n1,"a,""b""",0.10\n9007199254740993,"",\n3,"x\n\u001b[31my",-5.00\n');
});

it('markdown: one line a row', () => {
  const text = renderRows({ columns: columns.slice(1, 2), rows: [['a|b\nc']] }, 'markdown', plain);
  expect(text).toBe('| text |\n| --- |\n| a\\|b\\\\nc |\n');
});

it('text: numbers stand to the right, and nothing commands the terminal', () => {
  const lines = render('text').split('\n');
  expect(lines[0]).toBe('              id  text           id_2');
  expect(lines[2]).toBe('               1  a,"b"          0.10');
  expect(lines[3]).toBe('9007199254740993                 NULL');
  expect(lines[4]).toContain('x\\n\\x1b[31my');
});

it('text: wide characters keep the columns in line, long values are cut', () => {
  const wide = renderRows({ columns: columns.slice(1, 2), rows: [['日本'], ['é'], ['x'.repeat(100)]] }, 'text', plain);
  const lines = wide.split('\n');
  expect(lines[4]).toHaveLength(60);
  expect(lines[4]?.endsWith('…')).toBe(true);
});
