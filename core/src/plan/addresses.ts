import { sha256 } from '../compile/sha256.ts';
import type { Spec } from '../model/component.ts';
import type { Stream } from '../model/job.ts';
import type { JsonObject } from '../model/json.ts';
import { destinations, sources } from '../specs.ts';

export interface StreamAddresses {
  source: string;
  incremental: string;
  destination: string;
}

/** Settings that say how, not where: a new pattern or another layout of files keeps the ledger, another store does not. */
const NOT_ADDRESS: ReadonlySet<string> = new Set([
  'path',
  'exclude',
  'min_age',
  'after_load',
  'compression',
  'format',
  'partition_by',
  'target_file_size',
  'password',
  'user',
]);

/**
 * Hashes of what a checkpoint belongs to. References stay symbols and secrets are left out: a new password changes nothing.
 */
export function addressesOf(stream: Stream): StreamAddresses {
  const { incremental, destination, source } = stream;
  const rule = incremental.type === 'cursor' || incremental.type === 'window' ? incremental.column : null;
  return {
    source: hash({ type: source.type, settings: sourceAddress(source.settings, sources[source.type]) }),
    incremental: hash({ type: incremental.type, column: rule }),
    destination: hash({
      type: destination.type,
      settings: address(destination.settings, destinations[destination.type]?.secrets ?? []),
      schema: destination.schema,
      table: destination.table,
    }),
  };
}

/** The settings that the spec names, without any secret. */
function sourceAddress(settings: JsonObject, spec: Spec | undefined): JsonObject {
  if (!spec?.address) return address(settings, spec?.secrets ?? []);
  const named = [...spec.address].sort().filter((key) => Object.hasOwn(settings, key));
  return Object.fromEntries(named.map((key) => [key, settings[key] ?? null]));
}

function address(settings: JsonObject, secrets: readonly string[]): JsonObject {
  const left = Object.entries(settings).filter(
    ([key]) => !NOT_ADDRESS.has(key) && (key === 'url' || !secrets.includes(key)),
  );
  return Object.fromEntries(left.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function hash(value: JsonObject): string {
  return sha256(JSON.stringify(value));
}
