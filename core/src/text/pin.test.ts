import { describe, expect, it } from 'vitest';
import { type Pins, parseDocument, pinInto } from '../index.ts';

const COLUMNS = [
  { name: 'id', type: 'bigint' },
  { name: 'zip: code', type: 'text' },
  { name: 'amount', type: 'decimal(18,2)' },
];
const FORMAT = { type: 'csv', settings: { delimiter: ';', header: true } };

function pin(text: string, pins: Partial<Pins> = {}) {
  const found = pinInto(parseDocument(text, 'a.yaml'), { stream: null, columns: COLUMNS, format: FORMAT, ...pins });
  const again = parseDocument(found.text, 'a.yaml');
  expect(again.diagnostics).toEqual([]);
  // What is pinned once is not pinned twice.
  const twice = pinInto(again, { stream: null, columns: COLUMNS, format: FORMAT, ...pins });
  expect(twice.text).toBe(found.text);
  return found;
}

describe('pins in a job file', () => {
  it('stand behind the source; comments and order stay', () => {
    const { text } = pin(`# of the shop
name: orders   # a name

source:
  type: local
  path: in/*.csv  # each night
# the destination
destination: {type: duckdb}
`);
    expect(text).toBe(`# of the shop
name: orders   # a name

source:
  type: local
  path: in/*.csv  # each night
  format:
    type: csv
    delimiter: ;
    header: true
columns:
  - name: id
    type: bigint
  - name: "zip: code"
    type: text
  - name: amount
    type: decimal(18,2)
# the destination
destination: {type: duckdb}
`);
  });

  it('go into lists that are there, and change no type that is declared', () => {
    const { text } = pin(`name: a
source:
  type: local
  path: x
  format: csv # said
columns:
- name: amount # money
  checks: [not_null]
- {name: id}
- name: other
  metadata: path
`);
    expect(text).toBe(`name: a
source:
  type: local
  path: x
  format:
    type: csv
    delimiter: ;
    header: true # said
columns:
- name: amount # money
  type: decimal(18,2)
  checks: [not_null]
- {name: id, type: bigint}
- name: other
  metadata: path
- name: "zip: code"
  type: text
`);
    expect(pin('name: a\nsource:\n  type: local\n  path: x\ncolumns:\n  - name: id\n    type: int\n').text).toContain(
      'type: int\n',
    );
  });

  it('fit into flow style, with Windows line ends, and where the file has no last line end', () => {
    const { text } = pin('name: a\r\nsource: {type: local, path: x, format: {type: csv}}\r\ncolumns: [{name: amount}]');
    expect(text).toBe(
      'name: a\r\nsource: {type: local, path: x, format: {type: csv, delimiter: ";", header: true}}\r\ncolumns: [{name: amount, type: "decimal(18,2)"}, {name: id, type: bigint}, {name: "zip: code", type: text}]',
    );
    expect(pin('name: a\nsource:\n  type: local\n  path: x').text).toContain('path: x\n  format:\n    type: csv\n');
  });

  it('go into a stream of several', () => {
    const { text } = pin(
      'name: a\nsource:\n  type: local\nstreams:\n  - name: one\n    source:\n      path: x\n  - name: two\n    source:\n      path: y\n',
      { stream: 1 },
    );
    expect(text).toContain(
      '  - name: two\n    source:\n      path: y\n      format:\n        type: csv\n        delimiter: ;\n        header: true\n    columns:\n      - name: id\n',
    );
    const left = pin('name: a\nsource:\n  type: local\ncolumns: []\nstreams:\n  - name: one\n', {
      stream: 0,
      format: null,
    });
    expect(left.left).toHaveLength(1);
  });
});
