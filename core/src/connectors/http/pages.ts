import { createHash } from 'node:crypto';
import { SluiceError } from '../../model/error.ts';
import { type Ask, type HttpClient, shown } from './client.ts';
import type { HttpSettings, Pagination } from './settings.ts';
import type { JsonBytes, Slice } from './slices.ts';

/** What a page tells about the one behind it. */
export interface Page {
  number: number;
  url: URL;
  link: string | undefined;
  /** The document, where the page is JSON. */
  json: { bytes: JsonBytes; whole: Slice } | null;
  rows: number;
  body: Buffer;
}

type Next = Pick<Ask, 'url' | 'body'>;

const MAX_PAGES = 100_000;

/** Asks for one page after the other, and ends a listing that goes in a circle. Throws `source/pagination`. */
export class Pager {
  readonly #client: HttpClient;
  readonly #settings: HttpSettings;
  readonly #rule: Pagination;
  readonly #seen = new Set<string>();
  readonly #first: Next;
  #rows = 0;
  #last = '';

  constructor(client: HttpClient, settings: HttpSettings, rule: Pagination, first: Next) {
    this.#client = client;
    this.#settings = settings;
    this.#rule = rule;
    this.#first = this.#sized(first);
  }

  get first(): Next {
    return this.#first;
  }

  /** The request for the next page; null where this one is the last. */
  next(page: Page): Next | null {
    this.#rows += page.rows;
    const next = this.#after(page);
    const most = this.#rule.max_pages ?? MAX_PAGES;
    if (next && page.number >= most)
      throw this.#stalled(page, `there are more than ${most} pages`, 'Raise `max_pages` if that is right.');
    return next;
  }

  #after(page: Page): Next | null {
    const rule = this.#rule;
    switch (rule.type) {
      case 'link_header':
        return this.#address(page, nextLink(page.link));
      case 'next_url':
        return this.#address(page, this.#value(page, rule.next));
      case 'cursor': {
        const cursor = this.#value(page, rule.next);
        if (cursor === null || cursor === '' || cursor === 'false') return null;
        this.#once(page, cursor, `cursor ${cursor.slice(0, 100)}`);
        return this.#with(rule.param, cursor);
      }
      case 'page':
      case 'offset':
        return this.#counted(page, rule);
    }
  }

  #counted(page: Page, rule: Extract<Pagination, { type: 'page' | 'offset' }>): Next | null {
    if (page.rows === 0) return null;
    const hash = createHash('sha256').update(page.body).digest('hex');
    const param = rule.param ?? rule.type;
    if (hash === this.#last) {
      throw this.#stalled(page, 'it is the same as the page before', `The server takes no notice of \`${param}\`.`);
    }
    this.#last = hash;
    const start = rule.start ?? (rule.type === 'page' ? 1 : 0);
    return this.#with(param, String(rule.type === 'page' ? start + page.number : start + this.#rows), this.#first);
  }

  /** The value that leads on; null where it is null or missing. */
  #value(page: Page, path: string): string | null {
    if (!page.json)
      throw this.#stalled(page, 'it is no JSON', 'Use `page`, `offset` or `link_header` for other formats.');
    const { bytes, whole } = page.json;
    const found = bytes.at(whole, path.split('.'));
    return found === null ? null : bytes.read(found);
  }

  #address(page: Page, text: string | null): Next | null {
    if (text === null || text === '' || text === 'false') return null;
    if (!URL.canParse(text, page.url.href))
      throw this.#stalled(page, 'its next address is none', 'Look at what the server sends.');
    const url = new URL(text, page.url);
    const { base } = this.#client;
    // Servers behind a gateway often do not know that they are reached by https.
    if (url.protocol === 'http:' && base.protocol === 'https:' && url.hostname === base.hostname) {
      url.protocol = 'https:';
      url.port = base.port;
    }
    if (!this.#client.trusts(url)) {
      throw this.#stalled(
        page,
        `its next address is of another host: ${url.host}`,
        'Credentials are not carried there.',
      );
    }
    this.#once(page, url.href, `address ${shown(url)}`);
    const { body } = this.#first;
    return body === undefined ? { url } : { url, body };
  }

  #once(page: Page, key: string, name: string): void {
    if (this.#seen.has(key)) {
      const hint = 'The listing goes in a circle; tell the owner of the API, or check `pagination`.';
      throw this.#stalled(page, `its next ${name} came before`, hint);
    }
    this.#seen.add(key);
  }

  #with(param: string, value: string, from: Next = this.#first): Next {
    const { body } = this.#settings;
    if (this.#settings.method === 'POST' && typeof body === 'object') {
      return { url: from.url, body: JSON.stringify({ ...JSON.parse(from.body ?? '{}'), [param]: scalarOf(value) }) };
    }
    const url = new URL(from.url.href);
    url.searchParams.set(param, value);
    return from.body === undefined ? { url } : { url, body: from.body };
  }

  #sized(first: Next): Next {
    const rule = this.#rule;
    if (rule.type !== 'page' && rule.type !== 'offset') return first;
    const param = rule.size_param ?? (rule.type === 'offset' ? 'limit' : undefined);
    const sized =
      rule.page_size !== undefined && param !== undefined ? this.#with(param, String(rule.page_size), first) : first;
    return rule.start === undefined ? sized : this.#with(rule.param ?? rule.type, String(rule.start), sized);
  }

  #stalled(page: Page, reason: string, hint: string): SluiceError {
    const message = `Page ${page.number} of ${shown(page.url)}: ${reason}`;
    return new SluiceError('source/pagination', 'terminal', message, { hint });
  }
}

function scalarOf(text: string): string | number {
  return /^\d{1,15}$/.test(text) ? Number(text) : text;
}

/** The target with rel="next" of a `Link` header (RFC 8288, 3); null where there is none. */
export function nextLink(header: string | undefined): string | null {
  for (const [, target = '', params = ''] of (header ?? '').matchAll(
    /<([^>]*)>((?:\s*;\s*[^\s=;,]+(?:\s*=\s*(?:"[^"]*"|[^\s;,"]*))?)*)/g,
  )) {
    const rel = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]*))/i.exec(params);
    const words = (rel?.[1] ?? rel?.[2] ?? '').toLowerCase().split(/\s+/);
    if (words.includes('next')) return target;
  }
  return null;
}
