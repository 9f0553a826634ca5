import { appendFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { DestinationSession, Split } from '../model/component.ts';
import { SluiceError } from '../model/error.ts';
import type { CheckStep, ColumnRule, Stream } from '../model/job.ts';
import type { Json, JsonObject } from '../model/json.ts';
import type { QuarantinedRow, QuarantineFilter, ReplayEntry, Replays } from '../model/quarantine.ts';
import type { DataType } from '../model/type.ts';
import * as registry from '../registry.ts';
import * as specs from '../specs.ts';
import { pick } from './components.ts';
import { maskedType } from './mask.ts';
import type { EpochPorts, StreamRun } from './ports.ts';
import { connectTo } from './recover.ts';
import { TextFiles } from './replay-texts.ts';
import { plannedName } from './settle.ts';
import { spoolFolder } from './spool.ts';

/** What a replay runs instead of the stream: the stream with the kept rows for its source. */
export interface ReplayInput {
  stream: Stream;
  replays: Replays;
  splits?: Split[];
}

const PAGE = 5_000;
const FILE_NAME = 'replay.ndjson';
/** Key of a kept row's place, which a column of metadata takes its value from; no column of data is called so. */
const PLACE = { path: 'sluice:path', row_number: 'sluice:row_number' } as const;

/**
 * Writes the rows of a stream that were set aside and not replayed yet into the run's spool and gives the stream that reads them
 * from there. null: there are none. Rows go on where they broke off: those that were no columns at the format, those of a type
 * before `columns` and the transforms, those of a check behind the transforms. What is masked stays so, and is not masked again. Throws `quarantine/masked` where
 * a step or check would have to see what is masked.
 */
export async function replayInput(
  run: StreamRun,
  entry: ReplayEntry,
  ports: Pick<EpochPorts, 'withLock' | 'log'>,
): Promise<ReplayInput | null> {
  const { stream } = run;
  requireSight(stream, entry);
  const folder = spoolFolder(run.spool, stream);
  await mkdir(folder, { recursive: true });
  const session = await connectTo(run, ports, run.signal);
  const texts = entry === 'format' ? new TextFiles(run, folder, ports.log) : null;
  try {
    const kept = await ports.withLock(session.lock, () =>
      texts ? writeTexts(session, stream, texts) : writeRows(session, stream, entry, join(folder, FILE_NAME)),
    );
    if (kept.rows === 0) return null;
    const replays = { entry, runs: [...kept.runs], rows: kept.rows };
    const source = texts ? ofTexts(stream, texts) : ofRows(stream, entry, folder, kept.names);
    return { stream: await replayStream(stream, source), replays, ...(texts ? { splits: texts.splits } : {}) };
  } finally {
    await session.close();
    await texts?.close();
  }
}

interface Kept {
  rows: number;
  runs: Set<string>;
  /** Columns that any of the rows has. */
  names: Set<string>;
  places: (keyof typeof PLACE)[];
}

async function writeRows(session: DestinationSession, stream: Stream, entry: ReplayEntry, path: string): Promise<Kept> {
  const kept: Kept = { rows: 0, runs: new Set(), names: new Set(), places: placesOf(stream, entry) };
  for await (const page of pages(session, stream, entry)) {
    await appendFile(path, page.map((row) => line(row, kept)).join(''));
  }
  return kept;
}

async function writeTexts(
  session: DestinationSession,
  stream: Stream,
  texts: TextFiles,
): Promise<Pick<Kept, 'rows' | 'runs' | 'names'>> {
  const kept = { rows: 0, runs: new Set<string>(), names: new Set<string>() };
  for await (const page of pages(session, stream, 'format')) {
    await texts.write(page);
    kept.rows += page.length;
    for (const { run_id } of page) kept.runs.add(run_id);
  }
  return kept;
}

async function* pages(
  session: DestinationSession,
  stream: Stream,
  entry: ReplayEntry,
): AsyncGenerator<QuarantinedRow[]> {
  if (!session.quarantined) throw unsupported(stream);
  const filter: QuarantineFilter = { open: true, entry, ...(await ofThisTable(session, stream)) };
  for (let offset = 0; ; offset += PAGE) {
    const page = await session.quarantined(filter, { limit: PAGE, offset });
    if (page.length > 0) yield page;
    if (page.length < PAGE) return;
  }
}

/** Of a table that each run replaces, the rows of earlier runs belong to what is gone. */
async function ofThisTable(session: DestinationSession, stream: Stream): Promise<QuarantineFilter> {
  if (stream.destination.write_disposition !== 'replace') return {};
  const runs = new Set<string>();
  for (let offset = 0; ; offset += PAGE) {
    const page = (await session.quarantined?.({}, { limit: PAGE, offset })) ?? [];
    for (const { run_id } of page) runs.add(run_id);
    if (page.length < PAGE) break;
  }
  const last = (await session.inspect())?.commitId ?? '';
  return { runs: [...runs].filter((id) => last.startsWith(`${id}/`)) };
}

/** A kept row as a line of NDJSON. Its own text is left as it is: JavaScript would round its numbers. */
function line({ row, path, row_number, run_id, code }: QuarantinedRow, kept: Kept): string {
  const names = keysOf(row);
  if (row === null || names === null) {
    throw new SluiceError('quarantine/unreadable', 'terminal', `A row set aside for ${code} is kept as no JSON object`);
  }
  kept.rows++;
  kept.runs.add(run_id);
  for (const name of names) kept.names.add(name);
  const place = { path, row_number };
  const pairs = kept.places.map((name) => `${JSON.stringify(PLACE[name])}:${JSON.stringify(place[name])}`).join();
  const comma = pairs !== '' && names.length > 0 ? ',' : '';
  return `{${pairs}${comma}${row.trim().slice(1).replaceAll('\n', ' ')}\n`;
}

function keysOf(row: string | null): string[] | null {
  if (row === null) return null;
  try {
    const value: unknown = JSON.parse(row);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value) : null;
  } catch {
    return null;
  }
}

/** What a replayed stream has in the place of its own. */
type Replayed = Pick<Stream, 'source' | 'format' | 'columns' | 'transform'>;

function ofTexts(stream: Stream, files: TextFiles): Replayed {
  const { columns, transform } = stream;
  return {
    source: { type: 'local', connection: null, settings: { path: '*', compression: 'none' } },
    format: files.format,
    columns,
    transform,
  };
}

function ofRows(stream: Stream, entry: ReplayEntry, folder: string, names: Set<string>): Replayed {
  const marks = Object.fromEntries(
    Object.entries(stream.format?.settings ?? {}).filter(([key]) => key === 'decimal' || key === 'thousands'),
  );
  return {
    source: { type: 'local', connection: null, settings: { root: folder, path: FILE_NAME, compression: 'none' } },
    format: { type: 'json', connection: null, settings: { layout: 'ndjson' } },
    columns: entry === 'source' ? sourceColumns(stream, names, marks) : stepColumns(stream, names),
    transform: entry === 'source' ? stream.transform : [],
  };
}

/** The stream with the kept rows for its source: no cursor, no ledger, no limit, and checks of the whole table left out. */
async function replayStream(stream: Stream, replayed: Replayed): Promise<Stream> {
  const { destination } = stream;
  const disposition = destination.write_disposition === 'replace' ? 'append' : destination.write_disposition;
  const checks: CheckStep[] = [];
  for (const step of stream.checks) {
    const check = await pick(registry.checks, 'check', step.type);
    if (check.failing) checks.push(step);
  }
  return {
    ...stream,
    ...replayed,
    checks,
    incremental: { type: 'none' },
    destination: { ...destination, write_disposition: disposition },
    limits: { max_rejected: null },
  };
}

/** What of a row's place a column takes over. */
function placesOf(stream: Stream, entry: ReplayEntry): (keyof typeof PLACE)[] {
  const used = new Set(entry === 'source' ? stream.columns.map((column) => column.metadata) : []);
  return (Object.keys(PLACE) as (keyof typeof PLACE)[]).filter((name) => used.has(name));
}

function sourceColumns(stream: Stream, names: ReadonlySet<string>, marks: JsonObject): ColumnRule[] {
  const mark = (name: string) => (typeof marks[name] === 'string' ? String(marks[name]) : null);
  const rules = stream.columns.map((rule): ColumnRule => {
    if (rule.metadata === 'path' || rule.metadata === 'row_number') {
      const type: DataType = rule.type ?? { kind: rule.metadata === 'path' ? 'text' : 'bigint' };
      return { ...rule, from: PLACE[rule.metadata], type, metadata: null };
    }
    const plain = rule.mask ? unmasked(rule) : rule;
    return { ...plain, decimal: plain.decimal ?? mark('decimal'), thousands: plain.thousands ?? mark('thousands') };
  });
  const known = new Set(rules.map((rule) => rule.from));
  const others = [...names].filter((name) => !known.has(name));
  return [
    ...rules,
    ...others.map((from) => ({
      ...plainRule(from),
      name: plannedName(stream, from),
      decimal: mark('decimal'),
      thousands: mark('thousands'),
    })),
  ];
}

/** Behind the transforms every value is written as the engine writes it. */
function stepColumns(stream: Stream, names: ReadonlySet<string>): ColumnRule[] {
  const rules = new Map(stream.columns.map((rule) => [rule.name.toLowerCase(), rule]));
  return [...names].map((name) => {
    const rule = rules.get(name.toLowerCase());
    if (!rule) return plainRule(name);
    const { type, nullable, primary_key } = rule.mask ? unmasked(rule) : rule;
    return { ...plainRule(name), type, nullable, primary_key };
  });
}

/** The column as its mask left it. */
function unmasked(rule: ColumnRule): ColumnRule {
  const type = rule.type === null ? null : maskedType(rule.type, rule.mask);
  const plain = { format: null, decimal: null, thousands: null, scale: null };
  return { ...rule, ...plain, type: rule.mask === 'redact' ? type : { kind: 'text' }, mask: null };
}

function plainRule(name: string): ColumnRule {
  return {
    name,
    from: name,
    type: null,
    format: null,
    decimal: null,
    thousands: null,
    scale: null,
    nullable: true,
    primary_key: false,
    mask: null,
    metadata: null,
    derived: false,
  };
}

function unsupported(stream: Stream): SluiceError {
  const { type } = stream.destination;
  return new SluiceError('quarantine/unsupported', 'config', `Rows set aside in ${type} cannot be read back`, {
    where: { stream: stream.name },
  });
}

/** Steps and checks that name a masked column would judge the mask, unless their spec says that it makes no difference. */
function requireSight(stream: Stream, entry: ReplayEntry): void {
  // A text is kept as the source held it, and only where nothing was masked.
  if (entry === 'format') return;
  const masked = stream.columns.filter((rule) => rule.mask !== null);
  if (masked.length === 0) return;
  const blind = (settings: Json, column: string | null, through: readonly string[]) =>
    masked.find(
      ({ name, from, mask }) =>
        !through.includes(mask ?? '') &&
        [name, from].some((own) => own !== null && (column === own || mentions(settings, own))),
    );
  for (const { type, settings } of entry === 'source' ? stream.transform : []) {
    const found = blind(settings, null, []);
    if (found) throw notSeen(stream, type, found.name);
  }
  for (const { type, settings, column } of stream.checks) {
    const found = blind(settings, column, specs.checks[type]?.capabilities.sees_through ?? []);
    if (found) throw notSeen(stream, type, found.name);
  }
}

/** Whether any text of the settings has the name as a word of its own. */
function mentions(settings: Json, name: string): boolean {
  if (typeof settings === 'string') {
    const words = settings.match(/"(?:[^"]|"")*"|[\p{L}_$][\p{L}\p{N}_$]*/gu) ?? [];
    const lower = name.toLowerCase();
    const plain = (word: string) => (word.startsWith('"') ? word.slice(1, -1).replaceAll('""', '"') : word);
    return settings === name || words.some((word) => plain(word).toLowerCase() === lower);
  }
  if (Array.isArray(settings)) return settings.some((item) => mentions(item, name));
  if (settings === null || typeof settings !== 'object') return false;
  return Object.values(settings).some((item) => mentions(item, name));
}

function notSeen(stream: Stream, step: string, column: string): SluiceError {
  return new SluiceError(
    'quarantine/masked',
    'config',
    `The kept rows hold only the mask of ${column}, which ${step} would have to see`,
    {
      where: { stream: stream.name, column },
      hint: 'Load their files again: `sluice state restore` goes back to before them.',
    },
  );
}
