import { readdirSync, readFileSync } from 'node:fs';
import { type ColumnRecord, createProject, parseDocument, recordKeys, stepsHash } from '@sluice/core';
import { type Any, Client, folderWith } from './client.ts';

/**
 * Someone types jobs, key by key, and takes what completion offers as soon as it is the first of the list, as it is filtered by what
 * is typed so far. Only the word itself is counted, not what else comes with it; nothing is corrected or undone. The list is
 * looked at where an editor opens it by itself: after a letter of a word, and before the first one only behind `: `, `- `, `[` or `, `.
 */

const folder = new URL('./fixtures/comfort/', import.meta.url);

/** Columns of each job's source, as a run or *Read columns* would have recorded them. */
const COLUMNS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  s3_merge: { customer_id: 'bigint', name: 'text', zip: 'text', country: 'text', updated_at: 'timestamptz' },
  forty_tables: { id: 'bigint', updated_at: 'timestamptz' },
  rest_oauth: { id: 'bigint', subject: 'text', state: 'text', updated_at: 'timestamptz' },
  sftp_fixed_width: { account: 'text', amount: 'text' },
  http_paging: { id: 'bigint', total: 'double', placed_at: 'timestamptz' },
  google_sheet: { month: 'text', department: 'text', amount: 'text' },
  wide_masks: Object.fromEntries(
    'person_id first_name last_name birth_date email phone iban street house_number zip city country'
      .split(' ')
      .concat(Array.from({ length: 200 }, (_, i) => `answer_${i + 1}`))
      .map((name) => [name, 'text']),
  ),
  daily_window: { event_id: 'bigint', event_time: 'timestamptz', kind: 'text', amount: 'double' },
};

/** How a job was typed. */
export interface Typed {
  job: string;
  /** Characters in keys and known names, and how many of them were not typed. */
  known: number;
  completed: number;
  /** Words that were never first of the list before their last letter. */
  byHand: string[];
  /** How often each finding came and went while the text was typed, by its code. */
  passing: Record<string, number>;
  /** Findings in the end. */
  left: string[];
}

export async function typeJobs(): Promise<Typed[]> {
  const config = readFileSync(new URL('sluice.yaml', folder), 'utf8');
  const jobs = readdirSync(folder)
    .filter((name) => name.endsWith('.yaml') && name !== 'sluice.yaml')
    .sort();
  const files: Record<string, string> = { 'sluice.yaml': config };
  const targets = jobs.map((file) => {
    const text = readFileSync(new URL(file, folder), 'utf8');
    const name = file.slice(0, -5);
    Object.assign(files, recordOf(name, text, config), { [`jobs/${name}.yaml`]: '' });
    return { name, text };
  });
  const { dir, uri } = folderWith(files);
  const client = new Client();
  try {
    await client.start(dir, {
      textDocument: { diagnostic: {}, completion: { completionItem: { snippetSupport: true } } },
    });
    const typed: Typed[] = [];
    for (const { name, text } of targets)
      typed.push(await typeJob(client, uri(`jobs/${name}.yaml`), name, text, config));
    return typed;
  } finally {
    await client.stop();
  }
}

/** The record of a job's source, where the server looks for it. */
function recordOf(name: string, text: string, config: string): Record<string, string> {
  const document = parseDocument(text, `jobs/${name}.yaml`);
  const project = createProject({ config: parseDocument(config, 'sluice.yaml'), jobs: [document] });
  const view = project.view(document);
  const [stream] = view.streams;
  const record: ColumnRecord = {
    version: 1,
    job: view.name ?? '',
    stream: stream!.name,
    columns: Object.entries(COLUMNS[name] ?? {}).map(([column, type]) => ({
      name: column,
      type,
      nullable: true,
      null_share: 0,
    })),
    steps: [],
    steps_hash: stepsHash(stream!.node),
    rows: null,
    at: '2026-01-01T00:00:00.000Z',
    format: null,
  };
  return { [`.sluice/columns/${recordKeys(stream!.node, view.scope).exact}.json`]: JSON.stringify(record) };
}

interface Word {
  start: number;
  text: string;
}

/** Lines where the author makes up a name: of the job, its table, a path, what the API calls things. */
const OWN = /^(?:name|\s+(?:table|schema|path|sheet|records|next|param|cursor_param|per_page|[a-z]+_url)):/;
/** Keys whose values are words of the language or names of the project and its sources. */
const WORDED =
  /^[\s-]*(?:type|connection|write_disposition|on_bad_row|mask|every|catchup|primary_key|format|encoding|column):/;

/** Keys; and values that are a connection, a column, a component, a type or one of a few words. What only the author knows is none. */
function wordsOf(name: string, text: string, config: string): Word[] {
  const names = new Set(Object.keys(COLUMNS[name] ?? {}));
  for (const [, connection] of config.matchAll(/^ {2}(\w+):$/gm)) names.add(connection!);
  const words: Word[] = [];
  let at = 0;
  for (const line of text.split('\n')) {
    const key = /^[\s-]*([a-z_]+):/.exec(line);
    if (key && key[1] !== 'per_page') words.push({ start: at + line.indexOf(key[1]!), text: key[1]! });
    const from = key?.[0].length ?? 0;
    for (const match of line.slice(from).matchAll(/[a-z_][\w]*/g)) {
      const isName = names.has(match[0]) && !OWN.test(line);
      const isItem = key === null && /^\s*- \w+$/.test(line);
      if (isName || WORDED.test(line) || isItem) words.push({ start: at + from + match.index, text: match[0] });
    }
    at += line.length + 1;
  }
  return words;
}

async function typeJob(client: Client, uri: string, job: string, text: string, config: string): Promise<Typed> {
  const result: Typed = { job, known: 0, completed: 0, byHand: [], passing: {}, left: [] };
  let version = 1;
  let shown = new Map<string, string>();
  client.open(uri, '', version, 'sluice');
  const at = (length: number): Any => {
    const lines = text.slice(0, length).split('\n');
    return client.at(uri, lines.length - 1, lines.at(-1)!.length);
  };
  const show = async (length: number): Promise<void> => {
    client.change(uri, ++version, [{ text: text.slice(0, length) }]);
    const { items } = await client.request('textDocument/diagnostic', { textDocument: { uri } });
    const now = new Map<string, string>(items.map(({ code, range }: Any) => [`${code} ${range.start.line}`, code]));
    for (const [key, code] of shown) if (!now.has(key)) result.passing[code] = (result.passing[code] ?? 0) + 1;
    shown = now;
  };
  const isFirst = async (length: number, word: Word): Promise<boolean> => {
    const { items } = (await client.request('textDocument/completion', at(length))) ?? { items: [] };
    const typed = text.slice(word.start, length).toLowerCase();
    const fits = (item: Any): boolean => (item.filterText ?? item.label).toLowerCase().startsWith(typed);
    const sorted = [...items]
      .filter(fits)
      .sort((a: Any, b: Any) => ((a.sortText ?? a.label) < (b.sortText ?? b.label) ? -1 : 1));
    return sorted[0]?.label === word.text;
  };
  let length = 0;
  for (const word of [...wordsOf(job, text, config), { start: text.length, text: '' }]) {
    for (; length < word.start; ) await show(++length);
    const opens = /(?:[:,-] |\[)$/.test(text.slice(0, length));
    const end = word.start + word.text.length;
    let taken = opens && (await isFirst(length, word));
    while (!taken && length < end) {
      await show(++length);
      taken = length < end && (await isFirst(length, word));
    }
    result.known += word.text.length;
    result.completed += end - length;
    if (length === end && word.text !== '') result.byHand.push(word.text);
    if (length < end) {
      length = end;
      await show(length);
    }
  }
  result.left = [...new Set(shown.values())];
  return result;
}

/** The table of docs/editor-comfort.md. */
export function comfortTable(typed: readonly Typed[]): string {
  const share = (completed: number, known: number): string => `${((100 * completed) / known).toFixed(0)} %`;
  const rows = typed.map(({ job, known, completed, passing }) => {
    const seen = Object.entries(passing)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([code, n]) => `\`${code}\` ${n}`);
    return `| ${job} | ${known} | ${completed} | ${share(completed, known)} | ${seen.join(', ')} |`;
  });
  const sum = (of: (one: Typed) => number): number => typed.reduce((all, one) => all + of(one), 0);
  const [known, completed] = [sum((one) => one.known), sum((one) => one.completed)];
  return [
    '| job | characters in keys and known names | completed | share | findings that came and went |',
    '|---|--:|--:|--:|---|',
    ...rows,
    `| all | ${known} | ${completed} | ${share(completed, known)} | |`,
    '',
  ].join('\n');
}
