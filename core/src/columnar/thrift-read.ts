/** What a field holds, and the bytes that say so; those of a field's number and type stand before `from`. */
export interface Read {
  value: boolean | number | Buffer | ReadStruct | Read[];
  from: number;
  to: number;
}

/** Fields by their number. */
export type ReadStruct = Map<number, Read>;

/** Deeper than any footer; a file that is broken may say anything. */
const DEEPEST = 32;

/**
 * Reads a struct of Thrift's compact protocol (see `thrift.ts`) that begins at a byte. Throws a RangeError where the bytes are none.
 */
export function readThrift(bytes: Buffer, at: number): { struct: ReadStruct; to: number } {
  const reader = new Reader(bytes, at);
  const struct = reader.struct(0);
  return { struct, to: reader.at };
}

class Reader {
  readonly #bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  struct(depth: number): ReadStruct {
    if (depth > DEEPEST) throw new RangeError('structs lie too deep in each other');
    const fields: ReadStruct = new Map();
    let id = 0;
    for (;;) {
      const head = this.#byte();
      const type = head & 15;
      if (type === 0) return fields;
      const delta = head >> 4;
      id = delta === 0 ? this.#zigzag() : id + delta;
      const from = this.at;
      // A field that is a boolean has its value in its type.
      const value = type === 1 || type === 2 ? type === 1 : this.#value(type, depth);
      fields.set(id, { value, from, to: this.at });
    }
  }

  #value(type: number, depth: number): Read['value'] {
    switch (type) {
      case 1:
      case 2:
        return this.#byte() === 1;
      case 3:
        return this.#byte();
      case 4:
      case 5:
      case 6:
        return this.#zigzag();
      case 7:
        return this.#take(8);
      case 8:
        return this.#take(this.#varint());
      case 9:
      case 10:
        return this.#list(depth);
      case 12:
        return this.struct(depth + 1);
      default:
        throw new RangeError(`type ${type} is not read`);
    }
  }

  #list(depth: number): Read[] {
    const head = this.#byte();
    const size = head >> 4 === 15 ? this.#varint() : head >> 4;
    if (size > this.#bytes.length - this.at) throw new RangeError('a list is longer than its bytes');
    return Array.from({ length: size }, () => {
      const from = this.at;
      const value = this.#value(head & 15, depth);
      return { value, from, to: this.at };
    });
  }

  #byte(): number {
    return this.#bytes.readUInt8(this.at++);
  }

  #take(length: number): Buffer {
    const from = this.at;
    this.at += length;
    if (this.at > this.#bytes.length) throw new RangeError('a text is longer than its bytes');
    return this.#bytes.subarray(from, this.at);
  }

  #varint(): number {
    let value = 0;
    for (let unit = 1; ; unit *= 128) {
      const byte = this.#byte();
      value += (byte & 127) * unit;
      if (value > Number.MAX_SAFE_INTEGER) throw new RangeError('a number is too large');
      if (byte < 128) return value;
    }
  }

  #zigzag(): number {
    const value = this.#varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}
