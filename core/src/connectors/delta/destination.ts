import type { Snapshot } from '../../delta/actions.ts';
import { isAppendOnly } from '../../delta/features.ts';
import { fromUri } from '../../delta/paths.ts';
import { columnsOf } from '../../delta/types.ts';
import type {
  Addresses,
  CommitResult,
  Destination,
  DestinationContext,
  DestinationSession,
  EpochCommit,
  Opened,
  ReadyRows,
  StageRequest,
  StageToken,
} from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import { faultPoint } from '../../model/fault.ts';
import type { QuarantinedRow, QuarantineFilter, QuarantineGroup } from '../../model/quarantine.ts';
import type { FileIdentity } from '../../model/run.ts';
import type { Column } from '../../model/type.ts';
import { VERSION } from '../../model/version.ts';
import { checkNames } from '../shared/ddl.ts';
import type { StateDoor } from '../shared/door.ts';
import { stateAfter } from '../shared/files/state.ts';
import { quarantinedRows, quarantineGroups } from '../shared/quarantine.ts';
import { decide, oldKeys, toOpened } from '../shared/state.ts';
import { type AsideFile, changesAside, openAside, rewriteAside } from './aside.ts';
import { type Change, commitActions } from './change.ts';
import { openPlace, type Place } from './place.ts';
import { queryTable } from './query.ts';
import { mergeAnew, Rewriter } from './rewrite.ts';
import { fileColumns, isWhole, partitionsOf, shapeOf } from './shape.ts';
import { type Staged, Stager } from './stage.ts';
import { removeStaging, stagingFolder } from './staging.ts';
import { type Stored, StreamState } from './stream-state.ts';
import { DeltaTable } from './table.ts';

/** A Delta table on a disk of this machine or in a store that speaks S3. */
export const delta: Destination = {
  async connect(ctx) {
    return new DeltaSession(ctx, await openPlace(ctx));
  },
};

/** Times that a commit is made anew because other writers were faster. */
const TRIES = 20;

class DeltaSession implements DestinationSession {
  /** The log itself arbitrates. */
  readonly lock = null;
  readonly folders: readonly string[];
  readonly files: readonly string[] = [];
  readonly #ctx: DestinationContext;
  readonly #place: Place;
  readonly #table: DeltaTable;
  readonly #state: StreamState;
  readonly #stager: Stager;
  readonly #partitionBy: string[];

  constructor(ctx: DestinationContext, place: Place) {
    this.#ctx = ctx;
    this.#place = place;
    this.#table = new DeltaTable(place.folder, (work) => place.withEngine(work), ctx.log);
    this.#state = new StreamState(place.folder, ctx.key);
    const by = ctx.use.settings.partition_by;
    this.#partitionBy = Array.isArray(by) ? by.map(String) : [];
    this.#stager = new Stager(ctx, place);
    this.folders = place.folders;
  }

  async test(): Promise<void> {
    await this.#table.refresh();
    await this.#place.probe();
  }

  async open(addresses: Addresses, renamedFrom: readonly string[]): Promise<Opened> {
    await faultPoint('destination.open.before');
    const found = await this.#table.refresh();
    partitionsOf(found, this.#partitionBy, this.#ctx.use.write_disposition === 'replace');
    const old = await this.#renamed(found, renamedFrom);
    if (found === null) await this.#place.probe();
    const fence = await this.#state.mint((await old?.newest()) ?? 0, this.#ctx.runId);
    await faultPoint('destination.open.inside');
    if (old) await this.#takeOver(old, fence);
    // Read after the fence was raised: whoever held an older one is either in it or will find the newer fence.
    const table = await this.#table.refresh();
    const state = await this.#state.read(table);
    if (state.seq > 0) await this.#state.tidy(state);
    await faultPoint('destination.open.after');
    return { ...toOpened({ ...state, columns: null, fence }, addresses), table: plainColumns(table) };
  }

  async inspect(): Promise<(Opened & { files: number }) | null> {
    const fence = await this.#state.newest();
    const table = await this.#table.refresh();
    const state = await this.#state.read(table);
    if (fence === 0 && state.seq === 0) return null;
    const files = (await this.#state.ledger.read(state.ledger)).size;
    return { ...toOpened({ ...state, columns: null, fence }, null), table: plainColumns(table), files };
  }

  async ledger(): Promise<Map<string, FileIdentity>> {
    const state = await this.#state.read(await this.#table.refresh());
    return this.#state.ledger.read(state.ledger);
  }

  async attach(): Promise<void> {}

  async detach(): Promise<void> {}

  async load(epoch: EpochCommit, rows: ReadyRows): Promise<CommitResult> {
    await faultPoint('destination.load.before');
    const table = await this.#table.refresh();
    const { earlier } = await this.#decided(table, epoch);
    if (earlier) return earlier;
    const request = { ...epoch, task: 0, attempt: 1 };
    const staged = await this.#stager.stage(request, rows, this.#layout(table, epoch));
    await rows.gate?.(staged.rows);
    const result = await this.#commit('load', epoch, [staged]);
    await faultPoint('destination.load.after');
    return result;
  }

  async stage(request: StageRequest, rows: ReadyRows): Promise<StageToken> {
    await faultPoint('destination.stage.before');
    const staged = await this.#stager.stage(request, rows, this.#layout(await this.#table.refresh(), request));
    await faultPoint('destination.stage.after');
    return staged as unknown as StageToken;
  }

  async commit(epoch: EpochCommit, tokens: readonly StageToken[]): Promise<CommitResult> {
    await faultPoint('destination.commit.before');
    const result = await this.#commit('commit', epoch, tokens as unknown as Staged[]);
    await faultPoint('destination.commit.after');
    return result;
  }

  async abort(runId: string): Promise<void> {
    await faultPoint('destination.abort.before');
    await removeStaging(this.#place.folder, stagingFolder(this.#ctx.key, runId), async () => {
      const table = await this.#table.refresh();
      const state = await this.#state.read(table);
      const files = [...(table?.files.values() ?? []), ...(table?.removed.values() ?? [])];
      return new Set([...files.map((file) => fromUri(file.path)), ...state.quarantine.map(({ path }) => path)]);
    });
    await faultPoint('destination.abort.after');
  }

  async quarantineGroups(): Promise<QuarantineGroup[]> {
    return this.#withAside((door) => quarantineGroups(door));
  }

  async quarantined(filter: QuarantineFilter, page: { limit: number; offset: number }): Promise<QuarantinedRow[]> {
    return this.#withAside((door) => quarantinedRows(door, filter, page));
  }

  async #withAside<T>(work: (door: StateDoor) => Promise<T>): Promise<T> {
    const { quarantine } = await this.#state.read(await this.#table.refresh());
    return this.#place.withEngine(async (engine) =>
      work(await openAside(engine, this.#place.folder, this.#ctx.key, quarantine)),
    );
  }

  async query(sql: string): Promise<{ columns: Column[]; rows: (string | number | boolean | null)[][] }> {
    const table = await this.#table.refresh();
    const state = await this.#state.read(table);
    const fence = await this.#state.newest();
    const ledger = await this.#state.ledger.read(state.ledger);
    const { use, key, budget } = this.#ctx;
    return queryTable(
      { place: this.#place, table, name: [use.schema, use.table], key, budget, state, fence, ledger },
      sql,
    );
  }

  async close(): Promise<void> {
    await this.#place.close();
  }

  /** How an epoch's rows are to lie in the table. */
  #layout(
    table: Snapshot | null,
    epoch: Pick<EpochCommit, 'disposition' | 'columns' | 'window'>,
  ): Parameters<Stager['stage']>[2] {
    const whole = isWhole(epoch);
    const columns = fileColumns(epoch.columns, table, whole);
    checkNames(
      columns.map((c) => ({ kind: 'column', name: c.name })),
      { bytes: null, fold: (name) => name.toLowerCase() },
    );
    return { columns, partitionBy: partitionsOf(table, this.#partitionBy, whole) };
  }

  /** The stream's state in a version of the table, and the result of a commit that was done before; null: go on. Throws commit/fenced. */
  async #decided(table: Snapshot | null, epoch: EpochCommit): Promise<{ state: Stored; earlier: CommitResult | null }> {
    const state = await this.#state.read(table);
    return { state, earlier: decide({ ...state, columns: null, fence: await this.#state.newest() }, epoch) };
  }

  async #commit(step: 'load' | 'commit', epoch: EpochCommit, staged: readonly Staged[]): Promise<CommitResult> {
    for (let tries = 1; ; tries++) {
      // Everything is worked out against this version, and the commit takes place right behind it or not at all.
      const table = await this.#table.refresh();
      const version = (table?.version ?? -1) + 1;
      const { state: before, earlier } = await this.#decided(table, epoch);
      if (earlier) return earlier;
      const change = await this.#change(step, table, epoch, staged);
      const state = await this.#next(before, epoch, staged, change);
      const actions = commitActions(epoch, change, table, this.#state.marks(epoch.baseSeq + 1, epoch.fence));
      await this.#state.prepare(state, epoch.fence);
      await faultPoint(`destination.${step}.inside`);
      if (await this.#table.commit(version - 1, actions)) {
        await faultPoint(`destination.${step}.committed`);
        await this.#sweep(before, state);
        await this.#table.checkpoint(version);
        return { ...change.counts, repeated: false };
      }
      if (tries === TRIES) throw busy(this.#place.folder.name);
      await this.#stager.discard(change.rewritten);
    }
  }

  /** What the commit has no more use for; what stays is in nobody's way. */
  async #sweep(before: Stored, now: Stored): Promise<void> {
    const { folder } = this.#place;
    await folder.removeAll(stagingFolder(this.#ctx.key, this.#ctx.runId)).catch(() => undefined);
    const kept = new Set(now.quarantine.map(({ path }) => path));
    for (const { path } of before.quarantine) if (!kept.has(path)) await folder.remove(path).catch(() => undefined);
  }

  /** What the commit does to the table, worked out against its version `table`. */
  async #change(
    step: 'load' | 'commit',
    table: Snapshot | null,
    epoch: EpochCommit,
    staged: readonly Staged[],
  ): Promise<Change> {
    const rowsToo = staged.length > 0;
    const shape = shapeOf(table, epoch, this.#partitionBy, rowsToo);
    const rows_written = staged.reduce((sum, token) => sum + token.rows, 0);
    const change: Change = { shape, adds: [], gone: [], rewritten: [], counts: { rows_written } };
    if (!rowsToo) return change;
    const whole = isWhole(epoch);
    if (whole && table) change.gone = [...table.files.values()];
    const merges = staged.flatMap((token) => token.merge ?? []);
    this.#stager.requireLayout(staged, shape.partitionBy);
    // What a load brought was brought just now.
    if (step === 'commit') await this.#stager.requireStaged(staged);
    change.adds = staged.flatMap((token) => token.adds);
    if (merges.length > 0 || (table && !whole && (shape.reshaped || epoch.window)))
      await this.#rewrite(table, epoch, change, merges);
    if (merges.length === 0) change.counts.rows_inserted = rows_written;
    if (change.gone.length > 0 && table && isAppendOnly(table.metadata)) throw appendOnly(this.#place.folder.name);
    return change;
  }

  async #rewrite(table: Snapshot | null, epoch: EpochCommit, change: Change, merges: readonly string[]): Promise<void> {
    const { shape } = change;
    const { folder } = this.#place;
    await this.#place.withEngine(async (engine) => {
      const made = await this.#stager.rewrite(engine, shape, merges, async (parts) => {
        if (isWhole(epoch) || !table) return mergeAnew(engine, epoch, parts, shape.columns);
        const rewriter = new Rewriter(engine, folder, table, shape.columns);
        if (parts.length > 0) return rewriter.merge(epoch, parts, shape.reshaped);
        return epoch.window ? rewriter.window(epoch.window, shape.reshaped) : rewriter.all();
      });
      change.rewritten = made.adds;
      change.gone.push(...made.gone);
      change.counts = {
        ...change.counts,
        ...(merges.length > 0
          ? made.counts
          : made.counts.rows_deleted > 0
            ? { rows_deleted: made.counts.rows_deleted }
            : {}),
      };
    });
  }

  async #next(before: Stored, epoch: EpochCommit, staged: readonly Staged[], change: Change): Promise<Stored> {
    const ledger = await this.#state.ledger.after(
      before.ledger,
      epoch,
      this.#state.segment(epoch.baseSeq + 1, epoch.fence),
    );
    const next = stateAfter(before, epoch, { counts: change.counts, format: 'delta', ledger, whole: false });
    // Names and types of the columns stand in the log.
    return {
      ...next,
      table: null,
      key: this.#ctx.key,
      quarantine: await this.#aside(before.quarantine, epoch, staged),
    };
  }

  /** Files of rows set aside once the epoch is committed: those before, as it changes them, and its own. */
  async #aside(before: readonly AsideFile[], epoch: EpochCommit, staged: readonly Staged[]): Promise<AsideFile[]> {
    const now = Date.now();
    const own = staged.flatMap(({ quarantine }) => (quarantine === null ? [] : [{ path: quarantine, since: now }]));
    if (!changesAside(before, epoch)) return [...before, ...own];
    return this.#place.withEngine(async (engine) => {
      const door = await openAside(engine, this.#place.folder, this.#ctx.key, before);
      const kept = await rewriteAside(engine, door, epoch);
      return kept === null ? own : [await this.#stager.bringAside(kept), ...own];
    });
  }

  /** The stream's state under a name that its job had before, unless it has commits under the new one. */
  async #renamed(table: Snapshot | null, renamedFrom: readonly string[]): Promise<StreamState | null> {
    if (renamedFrom.length === 0 || (await this.#state.read(table)).seq > 0) return null;
    for (const key of oldKeys(this.#ctx.key, renamedFrom)) {
      const state = new StreamState(this.#place.folder, key);
      if ((await state.read(table)).seq > 0) return state;
    }
    return null;
  }

  /** State and ledger go to the new name by one commit of the log, which takes the old name's right to commit too. */
  async #takeOver(old: StreamState, fence: number): Promise<void> {
    for (let tries = 1; ; tries++) {
      const table = await this.#table.refresh();
      const state = await old.read(table);
      if (!table || state.seq === 0) return;
      await this.#state.ledger.takeFrom(old.ledger, state.ledger);
      await this.#state.prepare({ ...state, key: this.#ctx.key }, fence);
      const marks = [...this.#state.marks(state.seq, fence), ...old.marks(0, 0)];
      const info = { commitInfo: { timestamp: Date.now(), operation: 'RENAME', engineInfo: `sluice/${VERSION}` } };
      if (await this.#table.commit(table.version, [info, ...marks])) break;
      if (tries === TRIES) throw busy(this.#place.folder.name);
    }
    await old.remove();
  }
}

function plainColumns(table: Snapshot | null): Column[] | null {
  return table ? columnsOf(table.metadata).map(({ name, type }) => ({ name, type })) : null;
}

function busy(name: string): SluiceError {
  return new SluiceError(
    'destination/busy',
    'transient',
    `Others write to ${name} all the time: no commit got its turn`,
    {
      hint: 'Run again; writers that merge into one table get in each other’s way.',
    },
  );
}

function appendOnly(name: string): SluiceError {
  return new SluiceError(
    'destination/append-only',
    'config',
    `${name} is append-only: none of its rows may go or change.`,
    {
      hint: 'Append, or turn the table property `delta.appendOnly` off.',
    },
  );
}
