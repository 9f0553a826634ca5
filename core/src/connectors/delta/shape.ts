import { randomUUID } from 'node:crypto';
import type { Metadata, Protocol, Snapshot } from '../../delta/actions.ts';
import {
  columnsOf,
  type DeltaField,
  fieldsOf,
  hasWallClock,
  type TableColumn,
  toDelta,
  toField,
} from '../../delta/types.ts';
import type { EpochCommit } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import { type Column, sameType } from '../../model/type.ts';
import { planTable } from '../shared/ddl.ts';
import type { FileColumn } from './data.ts';

/** The table as an epoch's commit leaves it. */
export interface Shape {
  /** null: as it was. */
  metadata: Metadata | null;
  protocol: Protocol | null;
  columns: TableColumn[];
  partitionBy: string[];
  /** Columns whose values the files have to hold otherwise than before: all of them are written anew. */
  reshaped: boolean;
}

export function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

/** Whether an epoch's rows take the place of all others. */
export function isWhole(epoch: Pick<EpochCommit, 'disposition' | 'window' | 'columns'>): boolean {
  return epoch.disposition === 'replace' && !epoch.window;
}

/** Columns that the table's files are divided by. Throws `destination/partition` where job and table differ. */
export function partitionsOf(table: Snapshot | null, wanted: readonly string[], whole: boolean): string[] {
  if (!table || whole) return [...wanted];
  const { partitionColumns } = table.metadata;
  if (wanted.length === 0 || JSON.stringify(wanted) === JSON.stringify(partitionColumns)) return partitionColumns;
  const has = partitionColumns.length > 0 ? `by ${partitionColumns.join(', ')}` : 'by no column';
  throw new SluiceError(
    'destination/partition',
    'config',
    `The table is partitioned ${has}; the job wants ${wanted.join(', ')}.`,
    { hint: 'Write the same `partition_by`, or load everything anew with --full-refresh.' },
  );
}

/** Columns of rows as the table has them; `whole`: as a table of their own will. Throws `destination/missing-column`. */
export function fileColumns(columns: readonly Column[], table: Snapshot | null, whole: boolean): FileColumn[] {
  const known = table && !whole ? columnsOf(table.metadata) : [];
  const absent = known.find((k) => k.required && !columns.some((c) => sameName(c.name, k.name)));
  if (absent)
    throw new SluiceError(
      'destination/missing-column',
      'config',
      `The rows have no column "${absent.name}", which may not be null in the table.`,
      { where: { column: absent.name }, hint: 'Add it in a transform, or let the column be null in the table.' },
    );
  return columns.map(({ name, type }) => {
    const own = known.find((k) => sameName(k.name, name));
    const same = own && sameType(own.type, type);
    // A type that is about to be altered is the new one.
    return { name: own?.name ?? name, type, delta: same ? own.delta : toDelta(type), required: own?.required ?? false };
  });
}

/** What the table has to be for an epoch. A commit without rows leaves it as it is, but makes it where there is none. */
export function shapeOf(
  table: Snapshot | null,
  epoch: EpochCommit,
  wanted: readonly string[],
  rowsToo: boolean,
): Shape {
  const whole = rowsToo && isWhole(epoch);
  const partitionBy = rowsToo ? partitionsOf(table, wanted, whole) : (table?.metadata.partitionColumns ?? []);
  const existing = table && !whole ? columnsOf(table.metadata) : null;
  const plan = rowsToo || !table ? planTable(existing, epoch, sameName) : { create: null, add: [], alter: [] };
  const fields = plan.create ? plan.create.map(toField) : changed(table, plan.add, plan.alter);
  const schemaString = JSON.stringify({ type: 'struct', fields });
  const same =
    table !== null &&
    table.metadata.schemaString === schemaString &&
    JSON.stringify(table.metadata.partitionColumns) === JSON.stringify(partitionBy);
  const metadata: Metadata | null = same
    ? null
    : {
        ...(table?.metadata ?? {
          id: randomUUID(),
          format: { provider: 'parquet', options: {} },
          createdTime: Date.now(),
        }),
        schemaString,
        partitionColumns: partitionBy,
        configuration: table?.metadata.configuration ?? {},
      };
  const columns = columnsOf(metadata ?? (table as Snapshot).metadata);
  const held = (column: Column) => JSON.stringify(toDelta(column.type));
  const reshaped = plan.alter.some((c) => {
    const before = existing?.find((e) => sameName(e.name, c.name));
    return before !== undefined && held(before) !== held(c);
  });
  return { metadata, protocol: protocolFor(table, columns), columns, partitionBy, reshaped };
}

function changed(table: Snapshot | null, add: readonly Column[], alter: readonly Column[]): DeltaField[] {
  const fields = table ? fieldsOf(table.metadata) : [];
  const altered = fields.map((field) => {
    const found = alter.find((c) => sameName(c.name, field.name));
    return found ? toField({ ...found, name: field.name }) : field;
  });
  return [...altered, ...add.map(toField)];
}

const WALL_CLOCK = 'timestampNtz';
/** What writer version 2, and each one up to 6, means when features are listed by name. */
const LEGACY_FEATURES = [
  [],
  [],
  ['appendOnly', 'invariants'],
  ['checkConstraints'],
  ['changeDataFeed', 'generatedColumns'],
  ['columnMapping'],
  ['identityColumns'],
];

/** Reader 1 and writer 2, which every reader knows; wall clock times need their feature by name. null: the table has what it needs. */
function protocolFor(table: Snapshot | null, columns: readonly Column[]): Protocol | null {
  const now = table?.protocol ?? { minReaderVersion: 1, minWriterVersion: 2 };
  const needed = columns.some((c) => hasWallClock(c.type));
  const has = now.readerFeatures?.includes(WALL_CLOCK) && now.writerFeatures?.includes(WALL_CLOCK);
  if (!needed || has) return table ? null : now;
  const byName = (listed: readonly string[] | null | undefined, legacy: readonly string[]) => [
    ...new Set([...(listed ?? legacy), WALL_CLOCK]),
  ];
  const writer = LEGACY_FEATURES.slice(0, now.minWriterVersion + 1).flat();
  const reader = now.minReaderVersion === 2 ? ['columnMapping'] : [];
  return {
    minReaderVersion: 3,
    minWriterVersion: 7,
    readerFeatures: byName(now.readerFeatures, reader),
    writerFeatures: byName(now.writerFeatures, writer),
  };
}
