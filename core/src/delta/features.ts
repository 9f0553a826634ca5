import { SluiceError } from '../model/error.ts';
import type { Metadata, Protocol } from './actions.ts';
import { type DeltaField, type DeltaType, fieldsOf } from './types.ts';

/** Table features that are read. */
const READS = new Set([
  'appendOnly',
  'columnMapping',
  'deletionVectors',
  'timestampNtz',
  'typeWidening',
  'typeWidening-preview',
  'v2Checkpoint',
  'vacuumProtocolCheck',
]);

/** Table features that are kept when the table is written. */
const WRITES = new Set([
  'appendOnly',
  'deletionVectors',
  'domainMetadata',
  'timestampNtz',
  'v2Checkpoint',
  'vacuumProtocolCheck',
]);

/** Features that a table may declare without using them; used, they are refused. */
const UNLESS_USED: Readonly<Record<string, (metadata: Metadata) => boolean>> = {
  invariants: (m) => anyField(fieldsOf(m), (f) => f.metadata?.['delta.invariants'] !== undefined),
  checkConstraints: (m) => Object.keys(m.configuration ?? {}).some((key) => key.startsWith('delta.constraints.')),
  changeDataFeed: (m) => isSet(m, 'delta.enableChangeDataFeed'),
  generatedColumns: (m) => anyField(fieldsOf(m), (f) => f.metadata?.['delta.generationExpression'] !== undefined),
  identityColumns: (m) => anyField(fieldsOf(m), (f) => f.metadata?.['delta.identity.start'] !== undefined),
  columnMapping: (m) => (m.configuration?.['delta.columnMapping.mode'] ?? 'none') !== 'none',
  rowTracking: (m) => isSet(m, 'delta.enableRowTracking'),
  inCommitTimestamp: (m) => isSet(m, 'delta.enableInCommitTimestamps'),
};

/** What writer versions before 7 stand for. */
const LEGACY_WRITERS: readonly string[][] = [
  [],
  [],
  ['appendOnly', 'invariants'],
  ['checkConstraints'],
  ['changeDataFeed', 'generatedColumns'],
  ['columnMapping'],
  ['identityColumns'],
];

/** Throws `format/delta-feature` (config) naming the features that this reader does not know. */
export function requireReadable(protocol: Protocol, table: string): void {
  const { minReaderVersion: version, readerFeatures } = protocol;
  if (version > 3) throw refused('format/delta-feature', table, [`reader version ${version}`], 'read');
  const unknown = version === 3 ? (readerFeatures ?? []).filter((feature) => !READS.has(feature)) : [];
  if (unknown.length > 0) throw refused('format/delta-feature', table, unknown, 'read');
}

/** Throws `destination/delta-feature` (config) naming the features that this writer does not keep. */
export function requireWritable(protocol: Protocol, metadata: Metadata, table: string): void {
  const { minWriterVersion: version, writerFeatures } = protocol;
  if (version > 7) throw refused('destination/delta-feature', table, [`writer version ${version}`], 'written');
  const declared = version === 7 ? (writerFeatures ?? []) : LEGACY_WRITERS.slice(0, version + 1).flat();
  const inUse = declared.filter((feature) => !WRITES.has(feature) && (UNLESS_USED[feature]?.(metadata) ?? true));
  if (inUse.length > 0) throw refused('destination/delta-feature', table, inUse, 'written');
}

/** Features whose tables have nothing in a checkpoint that is not known here. */
const CHECKPOINTS = new Set(['appendOnly', 'invariants', 'timestampNtz', 'deletionVectors', 'vacuumProtocolCheck']);

/** Whether a checkpoint that is written here says all that the table's log does. */
export function mayCheckpoint({ minWriterVersion: version, writerFeatures }: Protocol): boolean {
  return version < 7 ? version <= 2 : (writerFeatures ?? []).every((feature) => CHECKPOINTS.has(feature));
}

/** Rows of such a table may only come, never go or change. */
export function isAppendOnly(metadata: Metadata): boolean {
  return isSet(metadata, 'delta.appendOnly');
}

function isSet(metadata: Metadata, key: string): boolean {
  return metadata.configuration?.[key]?.toLowerCase() === 'true';
}

function anyField(fields: readonly DeltaField[], test: (field: DeltaField) => boolean): boolean {
  return fields.some((field) => test(field) || anyField(inner(field.type), test));
}

function inner(type: DeltaType): DeltaField[] {
  if (typeof type === 'string') return [];
  if (type.type === 'struct') return type.fields;
  return type.type === 'array' ? inner(type.elementType) : [...inner(type.keyType), ...inner(type.valueType)];
}

function refused(code: string, table: string, features: readonly string[], verb: string): SluiceError {
  return new SluiceError(
    code,
    'config',
    `${table} cannot be ${verb}: it uses ${features.join(', ')}, which ${features.length > 1 ? 'are' : 'is'} not supported`,
    { hint: 'Turn the feature off for the table, or use a table without it.' },
  );
}
