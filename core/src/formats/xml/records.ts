import { SaxesParser, type SaxesTagPlain } from 'saxes';
import type { LocalFile } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import { documentText } from './text.ts';

/** A value that is no plain text: an element with attributes or children, as the text of a JSON object whose scalars are strings. */
export class Nested {
  readonly json: string;

  constructor(json: string) {
    this.json = json;
  }
}

/** null: said to be none. */
type Value = string | Nested | null;

/** A record's attributes, children and text by name; several children of a name are a list. */
export type XmlRecord = Map<string, Value | Value[]>;

/** A value as the text of JSON. */
export function jsonOf(value: Value | Value[]): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (value === null) return 'null';
  return value instanceof Nested ? value.json : `[${value.map(jsonOf).join(',')}]`;
}

/** A record, or an element with children, as the text of a JSON object. */
export function objectOf(record: XmlRecord): string {
  return `{${[...record].map(([name, value]) => `${JSON.stringify(name)}:${jsonOf(value)}`).join(',')}}`;
}

/** An element on the way from a record down. */
interface Open {
  name: string;
  /** Attributes and children by name. */
  values: XmlRecord;
  text: string;
  nil: boolean;
}

const DEEPEST = 200;
const LONGEST_RECORD = 64 * 1024 * 1024;

/**
 * Gives each record of a document, and the line that it ends in, until `take` gives false; the names of elements that stand
 * where records do come back. Throws `format/xml` with the line for what is not well-formed, and `format/xml-entity`.
 */
export async function visitRecords(
  file: LocalFile,
  path: readonly string[] | null,
  take: Take,
  between: (bytes: number) => Promise<void>,
): Promise<ReadonlySet<string>> {
  const document = new Document(file, path, take);
  for await (const { text, bytes } of documentText(file)) {
    document.push(text);
    await between(bytes);
    if (document.ended) return document.others;
  }
  document.close();
  return document.others;
}

const MOST_OTHERS = 5;

/** The element that holds the records; a path of one name is that of a record that is the root. */
export function holder(path: readonly string[]): string {
  return path.slice(0, Math.max(1, path.length - 1)).join('/');
}

type Take = (record: XmlRecord, line: number) => boolean;

class Document {
  /** `take` wants no more. */
  ended = false;
  /** Elements beside the records, the first few. */
  readonly others = new Set<string>();
  readonly #file: LocalFile;
  readonly #path: readonly string[] | null;
  readonly #take: Take;
  readonly #parser = new SaxesParser({ xmlns: false, position: true });
  /** Elements above the record, and how many of them lie on the path. */
  #depth = 0;
  #onPath = 0;
  /** The element that holds the records was seen. */
  #found = false;
  #empty = true;
  readonly #open: Open[] = [];
  #size = 0;

  constructor(file: LocalFile, path: readonly string[] | null, take: Take) {
    this.#file = file;
    this.#path = path;
    this.#take = take;
    const parser = this.#parser;
    parser.on('error', (error) => {
      throw this.#failure(error.message.replace(/^\d+:\d+: /, '').replace(/\.$/, ''));
    });
    parser.on('doctype', (text) => {
      if (/<!ENTITY/i.test(text)) throw this.#failure('its document type declares entities');
    });
    parser.on('opentag', (tag) => this.#opened(tag));
    parser.on('closetag', () => this.#closed());
    parser.on('text', (text) => this.#text(text));
    parser.on('cdata', (text) => this.#text(text));
  }

  push(text: string): void {
    this.#empty &&= text.trim() === '';
    if (!this.ended) this.#parser.write(text);
  }

  close(): void {
    // An empty file holds no records.
    if (this.#empty) return;
    this.#parser.close();
    if (!this.#found) throw this.#failure(`it has no element ${holder(this.#path ?? [])}`);
  }

  #opened(tag: SaxesTagPlain): void {
    if (this.ended) return;
    if (this.#depth + this.#open.length >= DEEPEST) throw this.#failure(`it is nested deeper than ${DEEPEST} levels`);
    if (this.#open.length > 0 || this.#isRecord(tag.name)) this.#begin(tag);
    else {
      if (this.#isBeside() && this.others.size < MOST_OTHERS) this.others.add(tag.name);
      if (this.#depth === this.#onPath && this.#matches(tag.name, this.#depth)) this.#onPath++;
      this.#depth++;
      // Nothing holds a record that is the root itself: only the record is found.
      this.#found ||= this.#onPath > 0 && this.#onPath === (this.#path?.length ?? 2) - 1;
    }
  }

  #isBeside(): boolean {
    const last = (this.#path?.length ?? 1) - 1;
    return last > 0 && this.#depth === last && this.#onPath === last;
  }

  #matches(name: string, level: number): boolean {
    if (this.#path === null) return level === 0;
    const wanted = this.#path[level];
    return wanted === name || wanted === name.slice(name.indexOf(':') + 1);
  }

  #isRecord(name: string): boolean {
    if (this.#path === null) return this.#depth === 1;
    const last = this.#path.length - 1;
    const is = this.#depth === last && this.#onPath === last && this.#matches(name, last);
    this.#found ||= is;
    return is;
  }

  #begin(tag: SaxesTagPlain): void {
    const open: Open = { name: tag.name, values: new Map(), text: '', nil: false };
    for (const [name, value] of Object.entries(tag.attributes)) {
      if (name === 'xmlns' || name.startsWith('xmlns:')) continue;
      if (name === 'xsi:nil') open.nil = value === 'true' || value === '1';
      else open.values.set(`@${name}`, this.#counted(value));
    }
    this.#open.push(open);
  }

  #text(text: string): void {
    const open = this.#open.at(-1);
    if (open) open.text += this.#counted(text);
  }

  #counted(text: string): string {
    this.#size += text.length;
    if (this.#size > LONGEST_RECORD) throw this.#failure(`a record is longer than ${LONGEST_RECORD} characters`);
    return text;
  }

  #closed(): void {
    const open = this.#open.pop();
    if (!open) {
      this.#depth--;
      this.#onPath = Math.min(this.#onPath, this.#depth);
      return;
    }
    const parent = this.#open.at(-1);
    if (parent) {
      add(
        parent.values,
        open.name,
        open.values.size > 0 ? new Nested(objectOf(whole(open))) : open.nil ? null : open.text,
      );
      return;
    }
    this.#size = 0;
    if (!this.ended) this.ended = !this.#take(whole(open), this.#parser.line);
  }

  #failure(reason: string): SluiceError {
    const { line } = this.#parser;
    const entity = /entit/i.test(reason);
    return new SluiceError(
      entity ? 'format/xml-entity' : 'format/xml',
      'data',
      `${this.#file.name}, line ${line}: ${reason}`,
      {
        where: { path: this.#file.name, line },
        hint: entity
          ? 'Entities are not put in, because they can read other files and grow without bound. Write the file without them.'
          : 'Correct the file; where the records stand elsewhere, correct `record_path`.',
      },
    );
  }
}

function add(values: XmlRecord, name: string, value: Value): void {
  const before = values.get(name);
  if (before === undefined) values.set(name, value);
  else if (Array.isArray(before)) before.push(value);
  else values.set(name, [before, value]);
}

/** Its own text beside its attributes and children. */
function whole(open: Open): XmlRecord {
  const text = open.text.trim();
  if (text !== '') open.values.set('#text', text);
  return open.values;
}
