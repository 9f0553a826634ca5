import { ITEM_COLUMN } from '../model/columns.ts';
import type { Sniffed } from '../model/component.ts';
import type { Metadata } from '../model/job.ts';
import type { JsonObject } from '../model/json.ts';
import type { Column, DataType } from '../model/type.ts';

/** A column after the job's `columns`: where its value comes from and the type that every value is held to. */
export interface PlannedColumn {
  name: string;
  /** Name in the source; null for metadata. */
  from: string | null;
  /** Type that the format gives; null: text without a type. */
  raw: DataType | null;
  type: DataType;
  /** Declared in the job: a value that breaks it is a bad row. Otherwise it widens the column. */
  declared: boolean;
  nullable: boolean;
  format: string | null;
  decimal: string | null;
  thousands: string | null;
  scale: number | null;
  metadata: Metadata | null;
  /** The values are texts of this type, which source and destination share. */
  native?: string;
}

/** How a column that the contract does not let through as it is reaches the table. */
export interface ContractColumn {
  name: string;
  /** Type of the relation's column. */
  from: DataType;
  /** Type that the table gets or has. */
  type: DataType;
  /** drop: the column is not written; null_value, reject: what happens where the value does not fit `type`. */
  action: 'keep' | 'drop' | 'null_value' | 'discard_row' | 'quarantine';
  /** A column that the table does not have and, by the contract, does not get. */
  unknown: boolean;
}

/** Everything that is fixed before the first task of an epoch starts. Plain JSON. */
export interface StreamPlan {
  /** Raised when a value breaks an inferred type; what was landed under an older one is landed again. */
  schemaVersion: number;
  format: string;
  formatSettings: JsonObject;
  sniffed: Sniffed;
  /** The relation after `columns`. */
  columns: PlannedColumn[];
  /** The relation after the transforms. */
  output: Column[];
  /** Row by row the relation as it is written, after the contract. */
  contract: ContractColumn[];
  addColumns: Column[];
  alterColumns: Column[];
  /** Step index from which the whole stream is needed at once; null: all steps run split by split. */
  runScopeFrom: number | null;
  /** Rows can go from the scan straight into the destination: nothing diverts or counts rows on the way. */
  direct: boolean;
  /** Rows carry their number in the file, which costs a CSV its parallel scan: steps, checks or rejects need it. */
  numbered: boolean;
  /** Name, after `columns`, of the cursor column. */
  cursor: string | null;
  /** Name, after `columns`, of the column that a window selects rows by. */
  window: string | null;
  evidence: string[];
  warnings: string[];
}

/** What a plan reads, by the names in the source. */
export function sourceColumns({ columns }: StreamPlan): Column[] {
  const byName = new Map<string, Column>();
  for (const { from, type, nullable } of columns) {
    if (from !== null && !byName.has(from)) byName.set(from, { name: from, type, nullable });
  }
  return [...byName.values()];
}

/** A column that needs another type, and where the first value stands that says so. */
export interface WiderColumn extends Column {
  at: { path: string; row: number } | null;
}

/** Hidden columns that travel with landed rows. */
export const FILE = '_sluice_file';
export const ROW = '_sluice_row';
export const REJECT = '_sluice_reject';
export const RAW = '_sluice_raw';
export const DELETE = '_sluice_delete';
/** Name of the derived column whose value breaks its type, where one does. */
export const BAD = '_sluice_bad';
/** That value as text. */
export const BAD_TEXT = '_sluice_bad_text';
export const HIDDEN: ReadonlySet<string> = new Set([FILE, ROW, ITEM_COLUMN, REJECT, RAW, DELETE, BAD, BAD_TEXT]);
