import { canonicalJson } from '../compile/canonical.ts';
import { SOFT_DELETE_COLUMN } from '../connectors/shared/tables.ts';
import type { ColumnRule, ContractMode, DestinationUse, Stream } from '../model/job.ts';
import type { Json } from '../model/json.ts';
import { formatType, sameType } from '../model/type.ts';
import { destinations } from '../specs.ts';
import { kept, lost } from './effect.ts';
import type { Effect } from './types.ts';

/** What a changed stream does to its table and to the rows in it, as far as the files tell: the table itself is not looked at. */
export function tableEffects(old: Stream, stream: Stream): Effect[] {
  if (!stream.enabled) return [];
  if (!sameTable(old.destination, stream.destination)) {
    const { write_disposition: how } = stream.destination;
    const text = how === 'replace' ? 'every load replaces its rows, whoever wrote them' : 'made where it is not there';
    return [kept('table', `fills ${tableName(stream.destination)} (${how}): ${text}`)];
  }
  return [...columnEffects(old, stream), ...rowEffects(old, stream)];
}

/** A table as people name it; the folder or file where the destination holds files. */
export function tableName({ type, schema, table, settings }: DestinationUse): string {
  const { holds, default_schema } = destinations[type]?.capabilities ?? {};
  if (holds === 'files') return String(settings.path ?? table);
  const place = schema ?? default_schema;
  return place === undefined ? table : `${place}.${table}`;
}

function sameTable(old: DestinationUse, now: DestinationUse): boolean {
  return old.type === now.type && old.connection === now.connection && tableName(old) === tableName(now);
}

/** Every load makes the whole table anew. */
export function replacesAll({ destination, incremental }: Stream): boolean {
  return destination.write_disposition === 'replace' && incremental.type !== 'window';
}

const NEW_COLUMN: Readonly<Record<ContractMode, string>> = {
  evolve: 'is added where the table lacks it',
  freeze: 'makes the next run fail where the table lacks it (schema_contract.columns is freeze)',
  discard_row: 'makes rows with a value in it fall away where the table lacks it',
  discard_value: 'is left out where the table lacks it',
  quarantine: 'makes rows with a value in it be set aside where the table lacks it',
};

const TYPE_ANEW = 'the next load makes the table anew with it';

const OTHER_TYPE: Readonly<Record<ContractMode, string>> = {
  evolve: 'the column of the table is widened where it does not hold the new type',
  freeze:
    'the next run fails where the column of the table does not hold the new type (schema_contract.data_type is freeze)',
  discard_row: 'rows whose value the column of the table does not hold fall away',
  discard_value: 'values that the column of the table does not hold become null',
  quarantine: 'rows whose value the column of the table does not hold are set aside',
};

function columnEffects(old: Stream, stream: Stream): Effect[] {
  const effects = stream.columns.flatMap((column) => columnEffect(old, stream, column));
  const listed = new Set(stream.columns.flatMap(({ name, from }) => (from === null ? [name] : [name, from])));
  for (const { name, from } of old.columns) {
    // One of the source that is listed no more comes all the same, under its own name.
    if (listed.has(name) || from === name || (from !== null && listed.has(from))) continue;
    effects.push(kept('table', goneText(name, replacesAll(stream))));
  }
  return effects;
}

function columnEffect(old: Stream, stream: Stream, column: ColumnRule): Effect[] {
  const whole = replacesAll(stream);
  const { columns: added, data_type } = stream.schema_contract;
  const was = old.columns.find(({ name }) => name === column.name);
  const type = column.type === null ? '' : ` ${formatType(column.type)}`;
  const typed = (text: string) => [kept('table', `${text}: ${whole ? TYPE_ANEW : OTHER_TYPE[data_type]}`)];
  if (!was) {
    const names = new Set(stream.columns.map(({ name }) => name));
    const from = old.columns.find((one) => one.from !== null && one.from === column.from && !names.has(one.name));
    if (from) return [kept('table', renamedText(from.name, column.name, whole))];
    if (column.from !== column.name) return [kept('table', newText(column.name + type, whole, added))];
    return [...(type === '' ? [] : typed(`${column.name} is now${type}`)), ...maskEffect(null, column, whole)];
  }
  const mask = maskEffect(was.mask, column, whole);
  if (column.type === null || (was.type !== null && sameType(column.type, was.type))) return mask;
  const before = was.type === null ? 'is now' : `${formatType(was.type)} →`;
  return [...typed(`${column.name}: ${before}${type}`), ...mask];
}

function newText(column: string, whole: boolean, mode: ContractMode): string {
  return `column ${column} ${whole ? 'comes with the next load, which makes the table anew' : NEW_COLUMN[mode]}`;
}

function renamedText(old: string, name: string, whole: boolean): string {
  if (whole) return `column ${old} is called ${name} from the next load on`;
  return `column ${old} is written as ${name} from now on; ${old} and what it holds stay in the table`;
}

function goneText(name: string, whole: boolean): string {
  return whole
    ? `column ${name} goes with the next load`
    : `column ${name} gets no more values; it and what it holds stay in the table`;
}

function maskEffect(before: ColumnRule['mask'], { name, mask }: ColumnRule, whole: boolean): Effect[] {
  if (before === mask) return [];
  const now = mask === null ? `values of ${name} are written in the clear` : `values of ${name} are masked (${mask})`;
  return [kept('rows', `${now} from the next load on${whole ? '' : '; rows that were loaded stay as they are'}`)];
}

function rowEffects(old: Stream, stream: Stream): Effect[] {
  const [before, after] = [old.destination, stream.destination];
  const effects: Effect[] = [];
  if (after.write_disposition === 'replace' && before.write_disposition !== 'replace') {
    effects.push(lost('rows', 'every load now replaces the rows of the table'));
  } else if (after.write_disposition !== before.write_disposition) {
    const how =
      after.write_disposition === 'merge' ? 'merged into it by its key' : 'added to it, also those it has already';
    effects.push(kept('rows', `rows of the table stay; those of the next loads are ${how}`));
  }
  const keys = [before.primary_key, after.primary_key].map((key) => key.join(', '));
  if (after.write_disposition === 'merge' && before.write_disposition === 'merge' && keys[0] !== keys[1]) {
    const message = `rows are merged by (${keys[1]}) instead of (${keys[0]}); rows that were merged before stay as they are`;
    effects.push(kept('rows', message));
  }
  if (after.deletes?.mode === 'hard' && before.deletes?.mode !== 'hard') {
    effects.push(lost('rows', 'rows that the source marks as deleted are now deleted from the table'));
  }
  if (after.deletes?.mode === 'soft' && before.deletes?.mode !== 'soft') {
    effects.push(kept('table', `column ${SOFT_DELETE_COLUMN.name} is added, which marks rows that the source deleted`));
  }
  if (before.naming !== after.naming) {
    const message = replacesAll(stream)
      ? `columns are named ${after.naming} from the next load on`
      : `columns are named ${after.naming}: those under new names are added, those under the old ones stay`;
    effects.push(kept('table', message));
  }
  const steps = (one: Stream) => canonicalJson(one.transform as unknown as Json);
  if (!replacesAll(stream) && steps(old) !== steps(stream)) {
    effects.push(kept('rows', 'rows that were loaded stay as the transforms before made them'));
  }
  return effects;
}
