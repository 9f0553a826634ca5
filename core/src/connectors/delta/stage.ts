import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Add } from '../../delta/actions.ts';
import { fromUri } from '../../delta/paths.ts';
import type { DestinationContext, ReadyRows, StageRequest } from '../../model/component.ts';
import { QUARANTINE_COLUMNS } from '../../model/run.ts';
import { ident, literal } from '../../model/sql.ts';
import { parseSize } from '../../model/units.ts';
import type { LocalEngine } from '../shared/duck-instance.ts';
import { typed } from '../shared/duck-rows.ts';
import { inFolders } from '../shared/files/node-fs.ts';
import { runHash } from '../shared/names.ts';
import { stagingLost } from '../shared/staged.ts';
import { DELETE_MARK } from '../shared/tables.ts';
import type { AsideFile } from './aside.ts';
import { type FileColumn, type NewFile, writeData } from './data.ts';
import type { Place } from './place.ts';
import type { Rewritten } from './rewrite.ts';
import type { Shape } from './shape.ts';
import { bringFiles, quarantineFile, stagingFolder } from './staging.ts';

/** What a task's token says. */
export interface Staged {
  rows: number;
  /** Data files that lie in their places already, as the log will name them. */
  adds: Add[];
  partitionBy: string[];
  /** Rows that are still to be merged, as a file below the table. */
  merge: string | null;
  quarantine: string | null;
}

/** Writes what tasks and commits bring into the table's folder before the log knows it. */
export class Stager {
  readonly #ctx: DestinationContext;
  readonly #place: Place;
  readonly #fileSize: number | null;

  constructor(ctx: DestinationContext, place: Place) {
    this.#ctx = ctx;
    this.#place = place;
    const size = ctx.use.settings.target_file_size;
    this.#fileSize = typeof size === 'string' ? parseSize(size) : null;
  }

  get #staging(): string {
    return stagingFolder(this.#ctx.key, this.#ctx.runId);
  }

  /** Rows that are appended become data files; rows to merge are kept as they are until the commit. */
  async stage(
    request: Pick<StageRequest, 'epoch' | 'task' | 'attempt' | 'disposition'>,
    rows: ReadyRows,
    layout: { columns: readonly FileColumn[]; partitionBy: string[] },
  ): Promise<Staged> {
    const work = join(
      this.#place.work(rows.engine),
      `${request.epoch}-${request.task}-${randomBytes(4).toString('hex')}`,
    );
    await inFolders(() => mkdir(work, { recursive: true }));
    try {
      const name = this.#name(request.task);
      const merges = request.disposition === 'merge' || this.#ctx.use.deletes !== null;
      const staged: Staged = { rows: 0, adds: [], partitionBy: layout.partitionBy, merge: null, quarantine: null };
      const files: { local: string; path: string }[] = [];
      if (merges) {
        const local = join(work, `${name}.parquet`);
        const mark = this.#ctx.use.deletes === null ? [] : [{ name: DELETE_MARK, type: { kind: 'boolean' as const } }];
        staged.rows = await copy(rows, `SELECT ${typed([...rows.columns, ...mark])} FROM (${rows.sql}) AS r`, local);
        staged.merge = `${this.#staging}/${name}.parquet`;
        files.push({ local, path: staged.merge });
      } else {
        const made = await this.#write(rows, work, name, layout);
        staged.rows = made.reduce((sum, file) => sum + file.rows, 0);
        staged.adds = made.map(({ add }) => add);
        files.push(...made);
      }
      if (rows.quarantine) {
        const local = join(work, 'aside.parquet');
        if ((await copy(rows, this.#aside(rows.quarantine), local)) > 0) {
          staged.quarantine = quarantineFile(name);
          files.push({ local, path: staged.quarantine });
        }
      }
      await bringFiles(this.#place.folder, this.#staging, files);
      return staged;
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }

  async #write(
    rows: ReadyRows,
    folder: string,
    name: string,
    { columns, partitionBy }: { columns: readonly FileColumn[]; partitionBy: string[] },
  ): Promise<NewFile[]> {
    // The rows' own spelling of the names, in the table's.
    const named = rows.columns.map((c, i) => `${ident(c.name)} AS ${ident(columns[i]?.name ?? c.name)}`).join(', ');
    const sql = `SELECT ${named} FROM (${rows.sql}) AS o`;
    return writeData(rows.engine, { sql, columns, folder, name, partitionBy, fileSize: this.#fileSize });
  }

  /** Throws `commit/staging-lost` where a file was made for a table of another layout. */
  requireLayout(staged: readonly Staged[], partitionBy: readonly string[]): void {
    for (const token of staged)
      if (token.adds.length > 0 && JSON.stringify(token.partitionBy) !== JSON.stringify(partitionBy))
        throw stagingLost('The table is divided otherwise than when its files were written');
  }

  /** Throws `commit/staging-lost` where a file that tasks staged is gone, or not as they left it. */
  async requireStaged(staged: readonly Staged[]): Promise<void> {
    const { folder } = this.#place;
    const adds = staged.flatMap((token) => token.adds);
    for (const { path, size } of adds)
      if ((await folder.size(fromUri(path))) !== size)
        throw stagingLost(`The staged file ${fromUri(path)} is not as its task left it`);
    for (const path of staged.flatMap(({ merge, quarantine }) => [merge, quarantine].flatMap((file) => file ?? [])))
      if ((await folder.size(path)) === null) throw stagingLost(`The staged file ${path} is gone`);
  }

  /** Makes the files that a rewriting asks for, from the rows to merge that tasks staged. */
  async rewrite(
    engine: LocalEngine,
    shape: Shape,
    merges: readonly string[],
    work: (parts: string[]) => Promise<Rewritten>,
  ): Promise<{ adds: Add[]; gone: Add[]; counts: Rewritten['counts'] }> {
    const parts: string[] = [];
    for (const path of merges) parts.push(await this.#place.folder.local(path, engine.folder));
    const { gone, sql, counts } = await work(parts);
    if (sql === null) return { adds: [], gone, counts };
    const { columns, partitionBy } = shape;
    const request = { sql, columns, folder: join(engine.folder, 'made'), name: this.#name(0), partitionBy };
    const made = await writeData(engine, { ...request, fileSize: this.#fileSize });
    await bringFiles(this.#place.folder, this.#staging, made);
    return { adds: made.map(({ add }) => add), gone, counts };
  }

  /** Brings a file of rows set aside that takes the place of others. */
  async bringAside({ local, since }: { local: string; since: number }): Promise<AsideFile> {
    const path = quarantineFile(this.#name(0));
    await bringFiles(this.#place.folder, this.#staging, [{ local, path }]);
    return { path, since };
  }

  /** Takes files back that a commit made in vain. */
  async discard(adds: readonly Add[]): Promise<void> {
    for (const add of adds) await this.#place.folder.remove(fromUri(add.path));
  }

  #name(task: number): string {
    const { key, runId } = this.#ctx;
    return `part-${String(task).padStart(5, '0')}-${runHash(key, runId)}-${randomBytes(4).toString('hex')}`;
  }

  #aside(quarantine: string): string {
    const { key, runId } = this.#ctx;
    const { project, target, job, stream } = key;
    const facts = Object.entries({ project, target, job, stream, run_id: runId });
    const fixed = facts.map(([name, value]) => `${literal(value)} AS ${ident(name)}`).join(', ');
    const own = QUARANTINE_COLUMNS.map((name) => ident(name)).join(', ');
    return `SELECT ${fixed}, ${own}, current_timestamp AS quarantined_at FROM (${quarantine}) AS q`;
  }
}

async function copy(rows: ReadyRows, select: string, to: string): Promise<number> {
  return rows.engine.changed(
    `COPY (${select}) TO ${literal(to)} (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)`,
  );
}
