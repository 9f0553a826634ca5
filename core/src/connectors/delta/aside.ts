import { join } from 'node:path';
import type { EpochCommit } from '../../model/component.ts';
import { toDuckType } from '../../model/duck.ts';
import type { WritableFolder } from '../../model/folder.ts';
import { keptFrom } from '../../model/quarantine.ts';
import type { StreamKey } from '../../model/run.ts';
import { ident, literal, literalList } from '../../model/sql.ts';
import { createTable } from '../shared/ddl.ts';
import type { StateDoor } from '../shared/door.ts';
import type { LocalEngine } from '../shared/duck-instance.ts';
import { forgetOld, markReplayed } from '../shared/quarantine.ts';
import { inPlace, QUARANTINE } from '../shared/tables.ts';

/** A file with rows that were set aside. */
export interface AsideFile {
  /** Below the table. */
  path: string;
  /** When its oldest rows were set aside, in milliseconds since 1970. */
  since: number;
}

const PLACE = ['memory', 'main'];

/** The stream's rows set aside as the table that other destinations keep, in an engine of its own. */
export async function openAside(
  engine: LocalEngine,
  folder: WritableFolder,
  key: StreamKey,
  files: readonly AsideFile[],
): Promise<StateDoor> {
  const run = async (sql: string) => {
    await engine.rows(sql);
  };
  const changed = async (sql: string) => Number(Object.values((await engine.rows(sql))[0] ?? {})[0] ?? 0);
  await run(createTable(inPlace(PLACE, QUARANTINE.name), QUARANTINE, { type: toDuckType, keys: false }));
  const paths: string[] = [];
  for (const { path } of files) paths.push(await folder.local(path, engine.folder));
  if (paths.length > 0) await run(`INSERT INTO ${inPlace(PLACE, QUARANTINE.name)} BY NAME ${asideSql(paths, key)}`);
  return { db: { rows: (sql) => engine.rows(sql), run, changed }, place: PLACE, key };
}

/** Rows of files set aside. They belong to the stream whose state names them, whatever its name was then. */
export function asideSql(paths: readonly string[], { project, target, job, stream }: StreamKey): string {
  const own = Object.entries({ project, target, job, stream }).map(
    ([name, value]) => `${literal(value)} AS ${ident(name)}`,
  );
  return `SELECT * REPLACE (${own.join(', ')}) FROM read_parquet(${literalList(paths)}, union_by_name = true, hive_partitioning = false)`;
}

/** Whether an epoch changes rows that were set aside before it: it takes some in again, or some were kept long enough. */
export function changesAside(files: readonly AsideFile[], epoch: EpochCommit): boolean {
  const oldest = keptFrom(Date.now()).getTime();
  return epoch.replays !== undefined || files.some(({ since }) => since < oldest);
}

/**
 * Writes the rows set aside anew as an epoch leaves them: as a file of this machine, null where none is left. Throws
 * `commit/replay` where the rows to take in again are not those that were read.
 */
export async function rewriteAside(
  engine: LocalEngine,
  door: StateDoor,
  epoch: EpochCommit,
): Promise<{ local: string; since: number } | null> {
  if (epoch.replays) await markReplayed(door, epoch.replays, epoch.commitId);
  await forgetOld(door);
  const table = inPlace(door.place, QUARANTINE.name);
  const [found] = await door.db.rows(`SELECT count(*) AS n, epoch_ms(min(quarantined_at)) AS since FROM ${table}`);
  if (Number(found?.n ?? 0) === 0) return null;
  const local = join(engine.folder, 'aside.parquet');
  await door.db.run(`COPY (SELECT * FROM ${table}) TO ${literal(local)} (FORMAT parquet, COMPRESSION zstd)`);
  return { local, since: Number(found?.since) };
}
