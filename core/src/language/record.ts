import { plainOf } from '../check/plain.ts';
import type { Scope } from '../check/scope.ts';
import { hashJson } from '../compile/canonical.ts';
import type { Json } from '../model/json.ts';
import { VERSION } from '../model/version.ts';
import { child, type MapNode, textOf } from '../text/node.ts';

/** A column of a source as it was found in the rows: never a value of it. */
export interface RecordedColumn {
  /** Name in the source. */
  name: string;
  /** As the job language writes it. */
  type: string;
  nullable: boolean;
  /** Part of the sampled rows without a value, 0 to 1; null where no row was seen. */
  null_share: number | null;
}

/** What is known of the columns of a stream's source. Kept in `.sluice/columns/`; holds no value of any row. */
export interface ColumnRecord {
  version: 1;
  job: string;
  stream: string;
  columns: RecordedColumn[];
  /** Columns after each step of `transform`, while the steps are those of `steps_hash`; null for a step that could not be bound. */
  steps: (RecordedColumn[] | null)[];
  steps_hash: string;
  /** Rough number of rows of the source; null where it is not known. */
  rows: number | null;
  /** ISO 8601. */
  at: string;
  /** Settings of the format as they were found out, for pinning. */
  format: { type: string; settings: Record<string, Json> } | null;
}

export interface RecordKeys {
  source: string;
  exact: string;
}

/**
 * The names under which a stream's record is kept. `exact` is the hash of canonical source, connection (its references as
 * symbols), target, version of this library, and `columns`; `source` leaves `columns` out: the names in the source do
 * not depend on them, so that a record stays of use while they are edited.
 */
export function recordKeys(stream: MapNode, scope: Scope): RecordKeys {
  const known = keysOf.get(stream);
  if (known?.isOf(scope)) return known;
  const keys = new Keys(stream, scope);
  keysOf.set(stream, keys);
  return keys;
}

/** Hashes are made when somebody looks for a record by them, once. */
class Keys implements RecordKeys {
  readonly #stream: MapNode;
  readonly #scope: Scope;
  #source: string | null = null;
  #exact: string | null = null;

  constructor(stream: MapNode, scope: Scope) {
    this.#stream = stream;
    this.#scope = scope;
  }

  isOf(scope: Scope): boolean {
    return this.#scope === scope;
  }

  get source(): string {
    if (this.#source === null) {
      const source = child(this.#stream, 'source') ?? null;
      const connection = this.#scope.connections.get(textOf(source, 'connection') ?? '')?.node ?? null;
      const address = [VERSION, this.#scope.target, plainOf(source), plainOf(connection)];
      this.#source = hashJson(address).slice(0, 32);
    }
    return this.#source;
  }

  get exact(): string {
    this.#exact ??= `${this.source}-${hashJson(plainOf(child(this.#stream, 'columns'))).slice(0, 16)}`;
    return this.#exact;
  }

  toJSON(): RecordKeys {
    return { source: this.source, exact: this.exact };
  }
}

const keysOf = new WeakMap<MapNode, Keys>();
const steps = new WeakMap<MapNode, string>();

/** Hash of the steps of a stream, for `steps` of its record. */
export function stepsHash(stream: MapNode): string {
  let known = steps.get(stream);
  if (known === undefined) {
    known = hashJson([plainOf(child(stream, 'columns')), plainOf(child(stream, 'transform'))]).slice(0, 32);
    steps.set(stream, known);
  }
  return known;
}
