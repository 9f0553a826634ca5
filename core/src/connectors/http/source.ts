import { mkdir, open, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { LocalFile, Source, SourceContext, SourceSession, Split, SplitsRequest } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import type { FileIdentity } from '../../model/run.ts';
import { GLANCE_BYTES } from '../../model/source.ts';
import { type Ask, collect, HttpClient, shown } from './client.ts';
import { cursorParam } from './cursor.ts';
import { discoverApi } from './discover.ts';
import { fetchFile } from './file.ts';
import { formatOf, isNdjson, looksLikeJson } from './format.ts';
import { type Kind, kindOf, linesOf, requireCount, rowsOf } from './kind.ts';
import { type Page, Pager } from './pages.ts';
import type { Answer } from './refusal.ts';
import { RowFiles } from './row-files.ts';
import type { HttpSettings, Pagination } from './settings.ts';
import { BrokenJson, JsonBytes, type Slice } from './slices.ts';
import { refuseWebPage, WEB_PAGE_HEAD } from './web-page.ts';

/** A page is held in memory while it is looked through. */
const MAX_PAGE = 256_000_000;

const NDJSON = { type: 'json', settings: { layout: 'ndjson' } };

/** A page and the places of its records; `lines`: each of its lines is one. */
interface Looked {
  page: Page;
  slices: Slice[];
  lines?: true;
  /** Of a page that is a file of its own. */
  kind?: Kind;
}

/** What the pages behind the first one have to be like. */
interface First {
  /** A document, or one on each line. */
  json: boolean;
  kind: Kind | null;
}

export const source: Source = {
  async connect(ctx) {
    return new HttpSession(ctx);
  },
  discover: discoverApi,
};

class HttpSession implements SourceSession {
  readonly #ctx: SourceContext;
  readonly #settings: HttpSettings;
  readonly #client: HttpClient;

  constructor(ctx: SourceContext) {
    this.#ctx = ctx;
    this.#settings = ctx.settings as unknown as HttpSettings;
    this.#client = new HttpClient(this.#settings, ctx);
  }

  async test(): Promise<void> {
    const ask = this.#first(null);
    await this.#client.send({ ...ask, tries: 1 }, async ({ body }) => {
      body.destroy();
    });
  }

  async *splits(request: SplitsRequest): AsyncIterable<Split> {
    await mkdir(request.spool, { recursive: true });
    const { pagination } = this.#settings;
    const ask = this.#first(cursorParam(this.#settings, request));
    if (!pagination) {
      yield* this.#single(ask, request);
      return;
    }
    if (request.incremental.type === 'files') {
      throw new SluiceError('source/settings', 'config', '`incremental: {type: files}` does not go with `pagination`', {
        hint: 'Use `incremental: {type: cursor}` with `cursor_param`, or a merge by a key.',
      });
    }
    yield* this.#paged(ask, request, pagination);
  }

  #first(cursor: [string, string] | null): Ask {
    const { path = '', method, params = {}, body } = this.#settings;
    if (this.#ctx.glance && method === 'POST') {
      throw new SluiceError(
        'columns/post',
        'config',
        'The source is asked by POST, which a look at its columns never sends',
        {
          hint: 'A run of the job writes down the columns that it read, and so does `sluice infer`.',
        },
      );
    }
    const url = this.#client.address(path);
    for (const [name, value] of Object.entries(params)) url.searchParams.set(name, String(value));
    if (cursor) url.searchParams.set(cursor[0], cursor[1]);
    const ask: Ask = { url, method, label: `${method} ${shown(url)}`, ...(this.#ctx.glance ? { tries: 1 } : {}) };
    if (method !== 'POST' || body === undefined) return ask;
    return { ...ask, body: typeof body === 'string' ? body : JSON.stringify(body) };
  }

  async *#single(ask: Ask, { spool, known, incremental }: SplitsRequest): AsyncIterable<Split> {
    const name = shown(ask.url);
    const before = incremental.type === 'files' ? (known.get(name) ?? null) : null;
    const path = join(spool, 'answer');
    const most = this.#ctx.glance ? GLANCE_BYTES : Number.POSITIVE_INFINITY;
    const { signal, came } = this.#ctx;
    const got = await fetchFile(this.#client, ask, path, before, { most, signal, came });
    if (got === null) return;
    refuseWebPage(ask.label, await headOf(path), this.#ctx.format?.type);
    const format = formatOf(got.contentType, ask.url.pathname, this.#settings.records);
    if (got.size < MAX_PAGE && (await this.#isEmpty(path, got.size, ask, format?.type))) return;
    const file = identity(name, got, before);
    yield splitOf(0, path, file, format);
  }

  /** Whether an answer is a list without an element. Throws where it does not hold the list that `records` names. */
  async #isEmpty(path: string, size: number, ask: Ask, type: string | undefined): Promise<boolean> {
    const { records } = this.#settings;
    if (size === 0) return true;
    if (records === undefined && size > 1000) return false;
    const body = await readFile(path);
    if ((type ?? 'json') === 'json' && isNullList(body, this.#settings)) return true;
    if (!looksLikeJson(body) || (type !== undefined && type !== 'json')) return false;
    const bytes = new JsonBytes(body);
    let found: Slice | null;
    try {
      found = bytes.at(bytes.whole(), records?.split('.') ?? []);
    } catch {
      // Documents on lines, or what is no JSON: reading it says what is wrong.
      return false;
    }
    if (found === null) throw this.#noRecords(ask.label, bytes);
    if (records !== undefined && bytes.isNull(found)) return true;
    return bytes.isList(found) && bytes.elements(found).next().done === true;
  }

  async *#paged(ask: Ask, request: SplitsRequest, rule: Pagination): AsyncIterable<Split> {
    const pager = new Pager(this.#client, this.#settings, rule, ask);
    const rows = new RowFiles(request.spool, shown(ask.url));
    let type: LocalFile['format'] | null = null;
    try {
      let total = 0;
      let first: First | null = null;
      let wanted: ReturnType<Pager['next']> = pager.first;
      for (let number = 1; wanted !== null; number++) {
        const label = `${ask.label} (page ${number})`;
        const accepts = rule.type === 'page' && number > 1 ? [404] : [];
        const found: Looked | null = await this.#client.send({ ...ask, ...wanted, label, accepts }, (answer) =>
          this.#page(answer, number, label, first),
        );
        // A page behind the last one is missing rather than empty with some servers.
        if (found === null) break;
        const { page, slices, lines } = found;
        if (page.body.length > 0) first ??= { json: page.json !== null || lines === true, kind: found.kind ?? null };
        if (lines) await rows.addLines(page.body);
        else if (page.json) await rows.add(page.json.bytes.bytes, slices);
        else if (page.rows > 0) await rows.addFile(page.body);
        const named = found.kind?.format == null ? null : { type: found.kind.format, settings: {} };
        type ??= lines ? this.#lineFormat() : page.json ? NDJSON : named;
        total += page.rows;
        this.#ctx.came?.(page.body.length, page.rows);
        if (this.#ctx.glance || (request.rows !== undefined && total >= request.rows)) break;
        wanted = pager.next(page);
      }
    } finally {
      await rows.close();
    }
    for (const [ordinal, part] of rows.parts.entries()) yield splitOf(ordinal, part.path, part.file, type);
  }

  async #page(answer: Answer, number: number, label: string, first: First | null): Promise<Looked | null> {
    if (answer.status === 404) {
      answer.body.destroy();
      return null;
    }
    const body = await collect(answer.body, this.#ctx.glance ? GLANCE_BYTES : MAX_PAGE);
    const { link } = answer.headers;
    const base = { number, url: answer.url, link: Array.isArray(link) ? link.join(', ') : link, body };
    const isNothing = answer.status === 204 || (body.length === 0 && !this.#wantsJson(answer));
    if (isNothing) return { page: { ...base, json: null, rows: 0 }, slices: [] };
    if (this.#isLines(answer))
      return { page: { ...base, json: null, rows: linesOf(body, false) }, slices: [], lines: true };
    const declared = this.#ctx.format;
    const isJson = declared ? declared.type === 'json' : looksLikeJson(body) || isNullList(body, this.#settings);
    if (!isJson) {
      if (first === null) refuseWebPage(label, body, declared?.type);
      if (this.#wantsJson(answer) || first?.json) throw new BrokenJson('it is no JSON');
      const type = answer.headers['content-type'];
      const format = declared?.type ?? formatOf(type, answer.url.pathname, undefined)?.type ?? null;
      if (this.#settings.pagination?.type === 'offset') requireCount(format, label);
      const kind = kindOf(format, type, body);
      const rows = rowsOf(kind, body, declared?.settings ?? {}, first?.kind ?? null);
      return { page: { ...base, json: null, rows }, slices: [], kind };
    }
    const bytes = new JsonBytes(body);
    const whole = bytes.whole();
    const list = bytes.at(whole, this.#settings.records?.split('.') ?? []);
    const none = list !== null && bytes.isNull(list);
    if (list === null || !(none || bytes.isList(list))) throw this.#noRecords(label, bytes);
    const slices = none ? [] : [...bytes.elements(list)];
    return { page: { ...base, json: { bytes, whole }, rows: slices.length }, slices };
  }

  /** Each line may hold its records under a name. */
  #lineFormat(): LocalFile['format'] {
    const { records } = this.#settings;
    return { ...NDJSON, settings: { ...NDJSON.settings, ...(records === undefined ? {} : { records }) } };
  }

  /** A document of JSON is never empty: a server that sends none where it says one was cut short. */
  #wantsJson(answer: Answer): boolean {
    if (this.#isLines(answer)) return false;
    return this.#settings.records !== undefined || /\bjson\b/i.test(answer.headers['content-type'] ?? '');
  }

  /** By the job's word, else by the server's. */
  #isLines({ headers }: Answer): boolean {
    const layout = this.#ctx.format?.settings.layout;
    if (typeof layout === 'string' && layout !== 'auto') return layout === 'ndjson';
    return isNdjson(headers['content-type']);
  }

  #noRecords(label: string, bytes: JsonBytes): SluiceError {
    const { records } = this.#settings;
    const names = bytes.names(bytes.whole()).slice(0, 20).join(', ');
    const what = records === undefined ? 'is no list of records' : `has no list at ${records}`;
    return new SluiceError('source/records', 'config', `${label}: the answer ${what}`, {
      hint: `Write the names that lead to the list as \`records\`; the answer has: ${names || 'no names'}.`,
    });
  }

  async fetch(split: Split): Promise<LocalFile> {
    const path = String(split.detail.path);
    const { format } = split.detail;
    const { size } = await stat(path);
    const name = split.file?.path ?? basename(path);
    const local: LocalFile = { path, name, size, modified_at: split.file?.modified_at ?? null, ordinal: split.ordinal };
    return format ? { ...local, format: format as NonNullable<LocalFile['format']> } : local;
  }

  async committed(): Promise<void> {}

  async close(): Promise<void> {
    this.#client.close();
  }
}

async function headOf(path: string): Promise<Buffer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(WEB_PAGE_HEAD), 0, WEB_PAGE_HEAD, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Some servers write a list without elements as null. */
function isNullList(body: Buffer, { records }: HttpSettings): boolean {
  return records === undefined && body.length < 20 && body.toString('latin1').trim() === 'null';
}

function splitOf(ordinal: number, path: string, file: FileIdentity, format: LocalFile['format'] | null): Split {
  return { ordinal, bytes: file.size, file, detail: { path, ...(format ? { format } : {}) } };
}

/** What tells this answer from another: the server's tag or time, else its content. */
function identity(
  name: string,
  got: { size: number; etag: string | null; modified: string | null; hash: string },
  before: FileIdentity | null,
): FileIdentity {
  const etag = got.etag ?? `sha256:${got.hash}`;
  // The same bytes under another date are the same file.
  if (before && before.etag === etag && got.etag === null) return before;
  return { path: name, size: got.size, modified_at: got.modified, etag };
}
