import { canonicalJson } from '../compile/canonical.ts';
import type { ComponentUse, Job, Stream } from '../model/job.ts';
import type { Json, JsonObject } from '../model/json.ts';
import { textParts } from '../model/reference.ts';
import { destinations, sources } from '../specs.ts';

/** Settings that choose among what a connection gives, and neither lead elsewhere nor run anything there. */
const CHOICES: Readonly<Record<'files' | 'tables', readonly string[]>> = {
  files: ['path', 'exclude', 'min_age', 'after_load', 'compression', 'partition_by', 'target_file_size'],
  tables: ['table', 'partition_on'],
};

/**
 * Why a look through one side of a stream is not taken, so that files which nobody has merged yet lead no credential elsewhere;
 * null: what connects is as it stands in one of the applied jobs, and no reference is new.
 */
export function lookRefusal(stream: Stream, side: 'source' | 'destination', applied: readonly Job[]): string | null {
  const use = stream[side];
  const streams = applied.flatMap((job) => job.streams);
  const key = keyOf(use, side);
  if (!streams.some((one) => keyOf(one[side], side) === key)) {
    const name = use.connection === null ? `this ${side}` : `the connection ${use.connection}`;
    return `${name} is not applied as it stands here`;
  }
  const known = new Set(streams.flatMap((one) => references(one as unknown as Json)));
  const strange = references(stream as unknown as Json).find((reference) => !known.has(reference));
  return strange === undefined ? null : `no applied job holds the reference ${strange}`;
}

/** What of a component has to be as it is applied: its system and connection, and every setting that is no mere choice. */
function keyOf({ type, settings }: ComponentUse, side: 'source' | 'destination'): string {
  const free = new Set(choices(type, side));
  const rest: JsonObject = Object.fromEntries(Object.entries(settings).filter(([key]) => !free.has(key)));
  return canonicalJson({ type, settings: rest });
}

function choices(type: string, side: 'source' | 'destination'): readonly string[] {
  const capabilities = (side === 'source' ? sources : destinations)[type]?.capabilities;
  // Of files on the daemon's own machine, which no credential guards, only those that are applied.
  if (!capabilities || capabilities.placement === 'node') return [];
  if (side === 'destination') return capabilities.holds === 'files' ? CHOICES.files : [];
  if (capabilities.yields === 'columns') return CHOICES.tables;
  return capabilities.files === false ? [] : CHOICES.files;
}

/** What a value refers to outside of the project's files, such as `env:NAME`. */
function references(value: Json): string[] {
  if (typeof value === 'string') {
    if (!value.includes('${')) return [];
    return textParts(value).flatMap((part) => {
      return part.kind === 'env' || part.kind === 'file' || part.kind === 'secret' ? [`${part.kind}:${part.name}`] : [];
    });
  }
  if (value === null || typeof value !== 'object') return [];
  return Object.values(value).flatMap((inner) => references(inner as Json));
}
