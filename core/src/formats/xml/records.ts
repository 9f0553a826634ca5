import { SaxesParser, type SaxesTagPlain } from 'saxes';
import type { LocalFile } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import { PlainElements, SHORT, spaceEnd } from './plain.ts';
import { documentText } from './text.ts';
import { add, Nested, objectOf, whole, type XmlRecord } from './values.ts';

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
/** In XML 1.1 other characters end a line. */
const OTHER_VERSION = /^\ufeff?<\?xml\s[^>]*version\s*=\s*["'](?!1\.0["'])/;
/** Characters of the head in which the first record is looked for tag by tag. */
const HEAD = 64 * 1024;
/** Characters of a record up to which more of the text is waited for. */
const LONGEST_PLAIN = 256 * 1024;
/** Records that are not plain, after which, where they are more than the others, none is tried any more. */
const MOST_MISSES = 100;

/** The element that holds the records; a path of one name is that of a record that is the root. */
export function holder(path: readonly string[]): string {
  return path.slice(0, Math.max(1, path.length - 1)).join('/');
}

type Take = (record: XmlRecord, line: number) => boolean;

/**
 * A document that comes in pieces of text. The strict parser reads it, but for records that are plain: these are taken out between
 * two records, where they change nothing for what the parser reads next but the number of the line.
 */
export class Document {
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
  readonly #plain = new PlainElements();
  /** What is tried again when more has come. */
  #waiting = '';
  /** The last character was a carriage return, which waits for the next one. */
  #carriage = false;
  /** Characters that the parser was given, and at which one of them it stood behind a tag, between two records. */
  #given = 0;
  #between = -1;
  /** Line ends in what the parser was not given. */
  #lines = 0;
  /** The next line end of the text, which may have none far and wide. */
  #lineEnd = -1;
  /** The tag's name of the last record; none is known yet where it is empty. */
  #record = '';
  #hits = 0;
  #misses = 0;
  #tries = true;

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
    parser.on('opentag', (tag) => {
      this.#opened(tag);
      this.#between = this.#isBetween() ? parser.position : -1;
    });
    parser.on('closetag', () => {
      this.#closed();
      this.#between = this.#isBetween() ? parser.position : -1;
    });
    parser.on('text', (text) => this.#text(text));
    parser.on('cdata', (text) => this.#text(text));
  }

  /** Takes the next piece; a declaration stands whole in the first one. */
  push(text: string): void {
    this.#empty &&= text.trim() === '';
    if (OTHER_VERSION.test(text)) this.#tries = false;
    const plain = this.#tries || this.#carriage ? this.#oneLineEnd(text) : text;
    const all = this.#waiting === '' ? plain : this.#waiting + plain;
    this.#waiting = '';
    this.#lineEnd = -1;
    if (this.#tries) this.#plain.over(all);
    for (let at = 0; at < all.length && !this.ended; ) {
      const from = this.#plainRecords(all, at);
      if (this.ended) return;
      if (from < 0) {
        this.#waiting = all.slice(-1 - from);
        return;
      }
      at = this.#strictly(all, from);
    }
  }

  close(): void {
    // An empty file holds no records.
    if (this.#empty) return;
    if (this.#waiting !== '') this.#parser.write(this.#waiting);
    if (this.#carriage) this.#parser.write('\r');
    this.#parser.close();
    if (!this.#found) throw this.#failure(`it has no element ${holder(this.#path ?? [])}`);
  }

  /** As the parser would do, so that a carriage return makes no record less plain. */
  #oneLineEnd(text: string): string {
    const all = this.#carriage ? `\r${text}` : text;
    this.#carriage = all.endsWith('\r');
    const whole = this.#carriage ? all.slice(0, -1) : all;
    return whole.includes('\r') ? whole.replace(/\r\n?/g, '\n') : whole;
  }

  get #line(): number {
    return this.#parser.line + this.#lines;
  }

  /**
   * Takes plain records as long as one follows the other, and gives the place of what is none; below 0, what stands at -1 minus it
   * has to be whole first.
   */
  #plainRecords(text: string, start: number): number {
    let at = start;
    while (this.#tries && this.#between === this.#given && !this.ended) {
      const from = spaceEnd(text, at);
      if (from >= text.length) return this.#passed(text, at, from);
      if (text[from] !== '<' || !this.#isNext(text, from + 1)) return at;
      const end = this.#plain.read(from);
      if (end === SHORT && text.length - from < LONGEST_PLAIN) return -1 - this.#passed(text, at, from);
      if (end < 0) {
        this.#misses++;
        this.#tries = this.#misses < MOST_MISSES || this.#misses < this.#hits;
        return at;
      }
      this.#hits++;
      this.#record = this.#plain.name;
      at = this.#passed(text, at, end);
      this.ended = !this.#take(this.#plain.record, this.#line);
    }
    return at;
  }

  /** Whether a record's name stands there: where others may be beside records, the one before's. */
  #isNext(text: string, at: number): boolean {
    if (this.#path === null) return true;
    const name = this.#record;
    return name !== '' && text.startsWith(name, at) && /^[\s/>]/.test(text.charAt(at + name.length));
  }

  /** Counts the lines that the parser does not see. */
  #passed(text: string, from: number, to: number): number {
    if (this.#lineEnd < from) this.#lineEnd = lineEnd(text, from);
    while (this.#lineEnd < to) {
      this.#lines++;
      this.#lineEnd = lineEnd(text, this.#lineEnd + 1);
    }
    return to;
  }

  /** Gives the parser what may go up to the end of a record, and gives the place behind it. */
  #strictly(text: string, at: number): number {
    const cut = this.#tries ? this.#cut(text, at) : text.length;
    const piece = text.slice(at, cut);
    this.#given += piece.length;
    this.#parser.write(piece);
    return cut;
  }

  #cut(text: string, at: number): number {
    const tag = text.indexOf('>', at);
    if (tag < 0) return text.length;
    if (this.#record === '') return this.#given < HEAD ? tag + 1 : text.length;
    if (text[tag - 1] === '/') return tag + 1;
    const close = `</${this.#record}>`;
    const found = text.indexOf(close, at);
    return found < 0 ? text.length : found + close.length;
  }

  /** Between two records, where one would begin. */
  #isBetween(): boolean {
    if (this.#open.length > 0) return false;
    if (this.#path === null) return this.#depth === 1;
    const last = this.#path.length - 1;
    return last > 0 && this.#depth === last && this.#onPath === last;
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
        open.values.size > 0 ? new Nested(objectOf(whole(open.values, open.text))) : open.nil ? null : open.text,
      );
      return;
    }
    this.#size = 0;
    this.#record = open.name;
    if (!this.ended) this.ended = !this.#take(whole(open.values, open.text), this.#line);
  }

  #failure(reason: string): SluiceError {
    const line = this.#line;
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

function lineEnd(text: string, from: number): number {
  const at = text.indexOf('\n', from);
  return at < 0 ? Number.POSITIVE_INFINITY : at;
}
