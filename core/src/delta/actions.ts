import type { Json, JsonObject } from '../model/json.ts';

/** The actions of a Delta log that this project reads or writes (https://github.com/delta-io/delta/blob/master/PROTOCOL.md). */
export interface Protocol {
  minReaderVersion: number;
  minWriterVersion: number;
  readerFeatures?: string[] | null;
  writerFeatures?: string[] | null;
}

export interface Metadata {
  id: string;
  name?: string | null;
  description?: string | null;
  format: { provider: string; options?: Record<string, string> | null };
  schemaString: string;
  partitionColumns: string[];
  configuration?: Record<string, string> | null;
  createdTime?: number | null;
}

/** Which rows of a file do not count. */
export interface DeletionVector {
  storageType: string;
  pathOrInlineDv: string;
  offset?: number | null;
  sizeInBytes: number;
  cardinality: number;
}

export interface Add {
  /** As the log writes it: a relative URI. */
  path: string;
  partitionValues: Record<string, string | null>;
  size: number;
  /** Milliseconds since 1970. */
  modificationTime: number;
  dataChange: boolean;
  /** JSON text. */
  stats?: string | null;
  deletionVector?: DeletionVector | null;
}

export interface Remove {
  path: string;
  deletionTimestamp?: number | null;
  dataChange: boolean;
  extendedFileMetadata?: boolean | null;
  partitionValues?: Record<string, string | null> | null;
  size?: number | null;
  deletionVector?: DeletionVector | null;
}

export interface Txn {
  appId: string;
  version: number;
  lastUpdated?: number | null;
}

/** One line of a log file, or one row of a checkpoint. */
export interface Action {
  protocol?: Protocol | null;
  metaData?: Metadata | null;
  add?: Add | null;
  remove?: Remove | null;
  txn?: Txn | null;
  commitInfo?: JsonObject | null;
  /** Checkpoints of version 2: where further rows are. */
  sidecar?: { path: string } | null;
  domainMetadata?: Json;
}

/** A table at one of its versions. */
export interface Snapshot {
  version: number;
  protocol: Protocol;
  metadata: Metadata;
  /** By `fileKey`. */
  files: Map<string, Add>;
  /** Files that no longer belong to the table and that readers of older versions may still want; by `fileKey`. */
  removed: Map<string, Remove>;
  /** The last version of each application that writes its own into the log. */
  txns: Map<string, number>;
}

/** Folder of the log below the table. */
export const LOG = '_delta_log';

/** Tells a file with one set of deleted rows from the same file with another. */
export function fileKey({ path, deletionVector: dv }: Pick<Add, 'path' | 'deletionVector'>): string {
  return dv ? `${path}\n${dv.storageType}${dv.pathOrInlineDv}@${dv.offset ?? ''}` : path;
}

/** Name of a version's file in the log. */
export function logFile(version: number): string {
  return `${String(version).padStart(20, '0')}.json`;
}

export function toLines(actions: readonly Action[]): Buffer {
  return Buffer.from(actions.map((action) => `${JSON.stringify(action)}\n`).join(''));
}
