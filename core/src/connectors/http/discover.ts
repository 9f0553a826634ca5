import type { Discovered, SourceContext } from '../../model/component.ts';
import { isJsonObject, type Json, type JsonObject } from '../../model/json.ts';
import { GLANCE_BYTES } from '../../model/source.ts';
import { uniqueNames } from '../../model/unique-names.ts';
import { collect, HttpClient, shown } from './client.ts';
import { formatOf, isNdjson } from './format.ts';
import { nextLink } from './pages.ts';
import type { HttpSettings } from './settings.ts';

/** Objects that lie in each other, down to which a list of records is looked for. */
const DEPTH = 3;
/** Names of fields that are shown. */
const FIELDS = 12;

interface Told {
  /** Names that lead to a list of objects, and its first records. */
  lists: { path: string[]; records: JsonObject[] }[];
  /** Every other value, by the names that lead to it. */
  values: { path: string[]; value: Json }[];
}

/**
 * What one GET of an address tells: the list of records and its fields, and how the next page is asked for, as far as the answer shows
 * it; of an answer that lists addresses of the same host, each of them. Throws `source/*`.
 */
export async function discoverApi(ctx: SourceContext): Promise<Discovered[]> {
  const settings = ctx.settings as unknown as HttpSettings;
  const client = new HttpClient({ ...settings, method: 'GET' }, ctx);
  try {
    const { path = '' } = settings;
    const url = client.address(path);
    const label = `GET ${shown(url)}`;
    return await client.send({ url, method: 'GET', label, tries: 1 }, async (answer) => {
      const body = await collect(answer.body, GLANCE_BYTES);
      const type = answer.headers['content-type'];
      const link = [answer.headers.link ?? []].flat().join(', ');
      const at: JsonObject = path === '' ? {} : { path };
      const document = parsed(body, isNdjson(type));
      if (document !== undefined) return fromJson(document, { at, url, link, client });
      const format = formatOf(type, url.pathname, undefined);
      if (format === null || body.length === 0) return [];
      return [{ name: nameOf(url), text: `a file of ${format.type}`, settings: { ...at, format: format.type } }];
    });
  } finally {
    client.close();
  }
}

/** undefined: no JSON. Of documents on lines, a list of the first ones. */
function parsed(body: Buffer, lines: boolean): Json | undefined {
  const text = body.toString('utf8').replace(/^\uFEFF/, '');
  try {
    if (!lines) return JSON.parse(text) as Json;
    const first = text.split('\n').filter((line) => line.trim() !== '');
    return first.slice(0, 100).map((line) => JSON.parse(line) as Json);
  } catch {
    return undefined;
  }
}

interface Asked {
  /** The settings that name the address. */
  at: JsonObject;
  url: URL;
  link: string;
  client: HttpClient;
}

function fromJson(document: Json, { at, url, link, client }: Asked): Discovered[] {
  const told = look(document);
  const names = uniqueNames(
    told.lists.map(({ path }) => (path.length > 0 ? plain(path.at(-1) ?? '') : '') || nameOf(url)),
  );
  const pagination = told.lists.length === 1 ? paginationOf(told, link) : null;
  if (told.lists.length > 0)
    return told.lists.map(({ path, records }, i): Discovered => {
      const fields = [...new Set(records.slice(0, 100).flatMap((record) => Object.keys(record)))];
      const more = fields.length > FIELDS ? `, and ${fields.length - FIELDS} more` : '';
      const place = path.length > 0 ? ` at ${path.join('.')}` : '';
      const next = pagination ? `; next page by ${pagination.text}` : '';
      return {
        // One list is what the address is about, whatever the list is called.
        name: (told.lists.length === 1 ? nameOf(url) : names[i]) ?? '',
        text: `${records.length} records${place}: ${fields.slice(0, FIELDS).join(', ')}${more}${next}`,
        settings: {
          ...at,
          ...(path.length > 0 ? { records: path.join('.') } : {}),
          ...(pagination ? { pagination: pagination.settings } : {}),
        },
      };
    });
  return addresses(told, url, client);
}

/** The first page of an API often says where its lists are. */
function addresses({ values }: Told, base: URL, client: HttpClient): Discovered[] {
  const found = values.flatMap(({ path, value }) => {
    if (typeof value !== 'string' || !/^(?:https?:\/\/|\/)/.test(value) || !URL.canParse(value, base.href)) return [];
    const url = new URL(value, base);
    if (!client.trusts(url) || url.href === base.href || /[{}]/.test(decodeURI(url.pathname))) return [];
    return [
      { name: plain(path.filter((name) => !/^(?:_?links|href|url)$/i.test(name)).at(-1) ?? '') || nameOf(url), url },
    ];
  });
  const names = uniqueNames(found.map(({ name }) => name));
  return found.map(({ url }, i) => ({
    name: names[i] ?? '',
    text: `an address of the API; \`--path\` looks at it`,
    settings: { path: url.href },
  }));
}

/** Lists of objects, each with the names that lead to it, and all values that are no lists. */
function look(document: Json): Told {
  const told: Told = { lists: [], values: [] };
  const visit = (value: Json, path: string[]): void => {
    if (Array.isArray(value)) {
      const records = value.filter(isJsonObject);
      // A name with a point in it cannot be written as a path.
      if (records.length > 0 && records.length === value.length && !path.some((name) => name.includes('.')))
        told.lists.push({ path, records });
    } else if (isJsonObject(value)) {
      if (path.length < DEPTH) for (const [name, inner] of Object.entries(value)) visit(inner, [...path, name]);
    } else told.values.push({ path, value });
  };
  visit(document, []);
  return told;
}

interface Recognised {
  text: string;
  settings: JsonObject;
}

/** How the answer says that it goes on; null where it does not, or in a way that is not known. */
function paginationOf({ values }: Told, link: string): Recognised | null {
  if (nextLink(link) !== null) return { text: 'the Link header', settings: { type: 'link_header' } };
  const usable = values.filter(({ path }) => path.length > 0 && !path.some((name) => name.includes('.')));
  const named = (pattern: RegExp) => usable.filter(({ path }) => pattern.test(path.at(-1) ?? ''));
  const isAddress = (value: Json) => typeof value === 'string' && /^(?:https?:\/\/|\/|\?)/.test(value);
  const next = named(/^next(?:_?(?:url|link|page_?url|page|href))?$|^href$/i).find(
    ({ path, value }) => isAddress(value) && path.some((name) => /^next/i.test(name)),
  );
  if (next) return byUrl(next.path);
  // On the last page the address is null; the one before it tells that it would be one.
  const last = named(/^next$/i).find(({ value }) => value === null);
  if (last && named(/^prev(?:ious)?$/i).some(({ value }) => value === null || isAddress(value)))
    return byUrl(last.path);
  const cursor = named(/^next_?(?:cursor|page_?token|token|marker)$|^(?:cursor|continuation_?token)$/i).find(
    ({ value }) => (typeof value === 'string' && value !== '') || typeof value === 'number',
  );
  if (cursor) {
    const name = cursor.path.at(-1) ?? '';
    const bare = name.replace(/^next_?/i, '');
    const param = /^next[A-Z]/.test(name) ? `${bare.charAt(0).toLowerCase()}${bare.slice(1)}` : bare;
    const at = cursor.path.join('.');
    return {
      text: `${at}, sent as ${param} (a guess: see the API's own documentation)`,
      settings: { type: 'cursor', next: at, param },
    };
  }
  return byNumbers((pattern) => named(pattern).find(({ value }) => typeof value === 'number') ?? null);
}

function byUrl(path: string[]): Recognised {
  return { text: `the address at ${path.join('.')}`, settings: { type: 'next_url', next: path.join('.') } };
}

type Found = Told['values'][number] | null;

function byNumbers(number: (pattern: RegExp) => Found): Recognised | null {
  const page = number(/^(?:page|current_?page|page_?number)$/i);
  if (page && number(/^(?:total_?pages|last_?page|pages|page_?count)$/i))
    return { text: 'the number of the page', settings: { type: 'page', ...(page.value === 0 ? { start: 0 } : {}) } };
  const limit = number(/^limit$/i);
  if (number(/^offset$/i) && limit)
    return { text: 'the offset', settings: { type: 'offset', page_size: Number(limit.value) } };
  return null;
}

/** The last word of an address, else its host. */
function nameOf(url: URL): string {
  const words = url.pathname.split('/').map((part) => plain(part.replace(/\.\w+$/, '')));
  return words.findLast((word) => word !== '' && !/^(?:v\d+|api|rest)$/.test(word)) ?? (plain(url.hostname) || 'api');
}

function plain(text: string): string {
  return text
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .replaceAll(/^[^a-z]+|_+$/g, '')
    .slice(0, 50);
}
