import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import type { Came } from '../model/engine.ts';
import type { DataType } from '../model/type.ts';
import { ColumnBuffer, type Physical, physicalOf } from './column.ts';
import { type Field, type Fields, thrift, varint } from './thrift.ts';
import { writeParts } from './write-parts.ts';

/** The engine reads groups side by side, and keeps one in memory for each thread. */
const GROUP_ROWS = 122_880;
const GROUP_BYTES = 16_000_000;

const TYPES: Record<Physical, number> = { boolean: 0, int32: 1, int64: 2, double: 5, bytes: 6, fixed16: 7 };
const PLAIN = 0;
const RLE = 3;
const OPTIONAL = 1;
const DATA_PAGE = 0;
const MAGIC = Buffer.from('PAR1');

interface Group {
  rows: number;
  chunks: { offset: number; size: number }[];
}

/**
 * A file of rows that come one by one as bytes and leave as columns: Parquet without compression, dictionaries or statistics, which
 * costs little more than to copy the bytes. It is for what is read soon and once or twice. Format:
 * https://github.com/apache/parquet-format
 */
export class ColumnFile {
  /** A buffer for each column, to put a row's values into, in turn. */
  readonly columns: readonly ColumnBuffer[];
  rows = 0;
  readonly #path: string;
  readonly #types: readonly DataType[];
  readonly #names: readonly string[];
  readonly #handle: FileHandle;
  readonly #came: Came | undefined;
  readonly #groups: Group[] = [];
  #offset = 0;
  #flushing = false;

  private constructor(
    path: string,
    columns: readonly { name: string; type: DataType }[],
    handle: FileHandle,
    came: Came | undefined,
  ) {
    this.#came = came;
    this.#path = path;
    this.#names = columns.map(({ name }) => name);
    this.#types = columns.map(({ type }) => type);
    this.#handle = handle;
    this.columns = this.#types.map((type) => new ColumnBuffer(physicalOf(type)));
  }

  /** Starts a file; it has its name once it is finished. `came` is told of rows as they are written. */
  static async create(
    path: string,
    columns: readonly { name: string; type: DataType }[],
    came?: Came,
  ): Promise<ColumnFile> {
    const file = new ColumnFile(path, columns, await open(`${path}.part`, 'w'), came);
    await file.#write(MAGIC);
    return file;
  }

  /** The rows that wait are enough to be written. */
  get full(): boolean {
    const [first] = this.columns;
    if (!first || first.rows === 0) return false;
    if (first.rows >= GROUP_ROWS) return true;
    let bytes = 0;
    for (const column of this.columns) bytes += column.size;
    return bytes >= GROUP_BYTES;
  }

  /** Writes the rows that wait; none may be put in before it is done. */
  async flush(): Promise<void> {
    const rows = this.columns[0]?.rows ?? 0;
    if (this.#flushing) throw new Error('the rows are being written');
    if (rows === 0) return;
    this.#flushing = true;
    const chunks: Group['chunks'] = [];
    for (const column of this.columns) {
      if (column.rows !== rows) throw new Error('the columns have different numbers of rows');
      const offset = this.#offset;
      const levels = levelsOf(column);
      const size = levels.length + column.size;
      const header = thrift([
        [1, { i32: DATA_PAGE }],
        [2, { i32: size }],
        [3, { i32: size }],
        [
          5,
          {
            struct: [
              [1, { i32: rows }],
              [2, { i32: PLAIN }],
              [3, { i32: RLE }],
              [4, { i32: RLE }],
            ],
          },
        ],
      ]);
      await this.#write(header, levels, column.values());
      chunks.push({ offset, size: this.#offset - offset });
      column.clear();
    }
    this.#groups.push({ rows, chunks });
    this.rows += rows;
    this.#flushing = false;
    this.#came?.(
      chunks.reduce((sum, { size }) => sum + size, 0),
      rows,
    );
  }

  /** Writes what waits and the file's end. */
  async finish(): Promise<void> {
    await this.flush();
    const footer = thrift(this.#footer());
    const length = Buffer.alloc(4);
    length.writeUInt32LE(footer.length);
    await this.#write(footer, length, MAGIC);
    await this.#handle.close();
    await rename(`${this.#path}.part`, this.#path);
  }

  /** Ends a file that is not wanted; harmless after `finish`. */
  async discard(): Promise<void> {
    await this.#handle.close().catch(() => undefined);
    await rm(`${this.#path}.part`, { force: true });
  }

  async #write(...parts: Buffer[]): Promise<void> {
    await writeParts(this.#handle, parts, null);
    this.#offset += parts.reduce((sum, part) => sum + part.length, 0);
  }

  #footer(): Fields {
    const root: Fields = [
      [4, { text: 'rows' }],
      [5, { i32: this.#names.length }],
    ];
    const groups = this.#groups.map(
      ({ rows, chunks }): Fields => [
        [1, { structs: chunks.map((chunk, i) => this.#chunk(i, chunk, rows)) }],
        [2, { i64: chunks.reduce((sum, { size }) => sum + size, 0) }],
        [3, { i64: rows }],
      ],
    );
    return [
      [1, { i32: 1 }],
      [2, { structs: [root, ...this.#types.map((type, i) => schemaOf(this.#names[i] ?? '', type))] }],
      [3, { i64: this.rows }],
      [4, { structs: groups }],
    ];
  }

  #chunk(index: number, { offset, size }: { offset: number; size: number }, rows: number): Fields {
    const physical = this.columns[index]?.physical ?? 'bytes';
    const meta: Fields = [
      [1, { i32: TYPES[physical] }],
      [2, { i32s: [PLAIN, RLE] }],
      [3, { texts: [this.#names[index] ?? ''] }],
      [4, { i32: 0 }],
      [5, { i64: rows }],
      [6, { i64: size }],
      [7, { i64: size }],
      [9, { i64: offset }],
    ];
    return [
      [2, { i64: offset }],
      [3, { struct: meta }],
    ];
  }
}

/** Which rows have a value: one run where all or none have, else a bit for each row. */
function levelsOf(column: ColumnBuffer): Buffer {
  const { rows, nulls } = column;
  const head: number[] = [];
  let bits: Buffer = Buffer.alloc(0);
  if (nulls === 0 || nulls === rows) {
    varint(head, rows * 2);
    head.push(nulls === 0 ? 1 : 0);
  } else {
    bits = column.present();
    varint(head, bits.length * 2 + 1);
  }
  const length = Buffer.alloc(4);
  length.writeUInt32LE(head.length + bits.length);
  return Buffer.concat([length, Buffer.from(head), bits]);
}

function schemaOf(name: string, type: DataType): Fields {
  const physical = physicalOf(type);
  const decimal = type.kind === 'decimal' ? type : null;
  return [
    [1, { i32: TYPES[physical] }],
    [2, physical === 'fixed16' ? { i32: 16 } : null],
    [3, { i32: OPTIONAL }],
    [4, { text: name }],
    [6, converted(type)],
    [7, decimal && { i32: decimal.scale }],
    [8, decimal && { i32: decimal.precision }],
    [10, logical(type)],
  ];
}

/** Numbers of parquet.thrift's ConvertedType, for what its LogicalType says as well. */
function converted(type: DataType): Field | null {
  const numbers: Partial<Record<DataType['kind'], number>> = { text: 0, json: 0, decimal: 5, date: 6, time: 8 };
  const number = numbers[type.kind];
  return number === undefined ? null : { i32: number };
}

const MICROS: Field = { struct: [[2, { struct: [] }]] };

function logical(type: DataType): Field | null {
  switch (type.kind) {
    case 'timestamp':
    case 'timestamptz': {
      const utc: Fields = [
        [1, { flag: type.kind === 'timestamptz' }],
        [2, MICROS],
      ];
      return { struct: [[8, { struct: utc }]] };
    }
    case 'time': {
      const local: Fields = [
        [1, { flag: false }],
        [2, MICROS],
      ];
      return { struct: [[7, { struct: local }]] };
    }
    case 'uuid':
      return { struct: [[14, { struct: [] }]] };
    default:
      return null;
  }
}
