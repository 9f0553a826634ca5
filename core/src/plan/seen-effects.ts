import { type Column, formatType, sameType } from '../model/type.ts';
import { kept, lost } from './effect.ts';
import type { PartPlan } from './part.ts';
import type { Effect, Plan } from './types.ts';

/** What a look at a stream's destination, and where it could be at its source, came to. Plain JSON. */
export interface Seen {
  /** The stream's address in the plan. */
  address: string;
  /** The table, or the folder of files, as people name it. */
  name: string;
  /** Every load makes the whole table anew. */
  replaces: boolean;
  /** null: there was no look, and `unseen` says why. */
  destination: {
    /** The table as it stands; null: it is not there. */
    table: Column[] | null;
    /** The last commit that it remembers of the stream; null: none. `changed`: addresses that are others now. */
    commit: { seq: number; changed: string[] } | null;
  } | null;
  /** Columns of the next run's rows; null: they are not known. `all`: not only those that the job declares. */
  rows: { columns: Column[]; add: Column[]; alter: Column[]; all: boolean } | null;
  /** As `Foreseen.files` of the engine; null: the source has no files, or was not listed. */
  files: { listed: number; next: number; again: number; bytes: number | null } | null;
  /** What the next run would stop at. */
  stops: string | null;
  /** What could not be looked at, and why. */
  unseen: string[];
}

const MOST_COLUMNS = 20;

/** The plan with what looks at destinations and sources came to, which takes the place of what the files alone can tell. */
export function withSeen<P extends Plan | PartPlan>(plan: P, seen: readonly Seen[]): P {
  const looks = new Map(seen.map((one) => [one.address, one]));
  const changes = plan.changes.map((change) => {
    const look = looks.get(change.address);
    if (!look) return change;
    const exact = look.rows?.all === true || (look.replaces && look.destination?.table === null);
    const load = look.destination !== null && change.action === 'create';
    const rest = change.effects.filter(({ kind }) => !((exact && kind === 'table') || (load && kind === 'load')));
    return { ...change, effects: [...rest, ...seenEffects(look, change.action === 'create')] };
  });
  return { ...plan, changes };
}

function seenEffects(seen: Seen, isNew: boolean): Effect[] {
  const effects: Effect[] = [];
  if (seen.destination) effects.push(...loadEffects(seen, isNew), ...tableEffects(seen));
  if (seen.files) effects.push(kept('files', filesText(seen.files)));
  if (seen.stops !== null) effects.push(kept('table', `the next run fails: ${seen.stops}`));
  return [...effects, ...seen.unseen.map((text) => kept('unseen', text))];
}

function loadEffects({ destination, replaces, name }: Seen, isNew: boolean): Effect[] {
  const { commit = null, table = null } = destination ?? {};
  if (commit === null) {
    const first = kept('load', `${name} has nothing of this stream yet: the first run loads everything`);
    if (!replaces || table === null) return [first];
    return [
      first,
      lost('rows', `${name} is there and was not filled by this stream: the first load replaces its rows`),
    ];
  }
  if (commit.changed.length > 0) {
    return [
      kept('load', `${name} remembers commit ${commit.seq} of another ${commit.changed.join(' and ')}: a full load`),
    ];
  }
  return isNew
    ? [kept('load', `${name} remembers commit ${commit.seq} of this stream: the first run goes on from there`)]
    : [];
}

function tableEffects({ destination, rows, replaces, name }: Seen): Effect[] {
  const table = destination?.table ?? null;
  if (table === null) {
    const columns = rows?.all ? `: ${listed(rows.columns)}` : '';
    return [kept('table', `makes ${name}${columns}`)];
  }
  if (!rows) return [kept('table', `${name} is there: ${listed(table)}`)];
  const effects = replaces ? anew(table, rows.columns, rows.all) : evolved(table, rows.add, rows.alter);
  if (effects.length > 0) return effects.map((text) => kept('table', `${name}: ${text}`));
  return [kept('table', rows.all ? `${name} keeps its columns` : `${name} keeps the columns that the job declares`)];
}

function evolved(table: readonly Column[], add: readonly Column[], alter: readonly Column[]): string[] {
  const before = new Map(table.map(({ name, type }) => [name, formatType(type)]));
  return [
    ...add.map(({ name, type }) => `adds the column ${name} ${formatType(type)}`),
    ...alter.map(
      ({ name, type }) => `alters the column ${name} from ${before.get(name) ?? '?'} to ${formatType(type)}`,
    ),
  ];
}

/** How a table that is made anew differs from the one before. */
function anew(table: readonly Column[], columns: readonly Column[], all: boolean): string[] {
  const before = new Map(table.map((column) => [column.name, column]));
  const names = new Set(columns.map(({ name }) => name));
  const differing = columns.flatMap((column) => {
    const was = before.get(column.name);
    if (!was) return [`comes anew with the column ${column.name} ${formatType(column.type)}`];
    const isNumber = was.loose && was.type.kind !== 'text' && column.type.kind !== 'text';
    if (isNumber || sameType(was.type, column.type)) return [];
    return [`comes anew with ${column.name} as ${formatType(column.type)} instead of ${formatType(was.type)}`];
  });
  const gone = all ? table.filter(({ name }) => !names.has(name)) : [];
  return [...differing, ...gone.map(({ name }) => `comes anew without the column ${name}`)];
}

function listed(columns: readonly Column[]): string {
  const texts = columns.slice(0, MOST_COLUMNS).map(({ name, type }) => `${name} ${formatType(type)}`);
  const more = columns.length - texts.length;
  return texts.join(', ') + (more > 0 ? `, and ${more} more` : '');
}

function filesText({ listed: all, next, again, bytes }: NonNullable<Seen['files']>): string {
  const noun = all === 1 ? 'file' : 'files';
  if (next === 0) return `the next run reads none of ${all} ${noun}`;
  const size = bytes === null ? '' : ` (${bytes} bytes)`;
  return `the next run reads ${next} of ${all} ${noun}${size}${again > 0 ? `, ${again} of them again` : ''}`;
}
