import { SluiceError } from '../model/error.ts';
import type { Folder } from '../model/folder.ts';
import { type Action, fileKey, LOG, logFile, type Snapshot } from './actions.ts';
import { type Checkpoint, type OpenEngine, readCheckpoint } from './checkpoint.ts';

interface Listed {
  commits: number[];
  checkpoints: Checkpoint[];
}

/**
 * The table as it stands, or at the version `at`; null where there is none. `known` is an older snapshot to go on from; it is
 * changed. Throws `format/delta-log` where the log has a gap or cannot be read.
 */
export async function readSnapshot(
  folder: Folder,
  open: OpenEngine,
  { known = null, at = null }: { known?: Snapshot | null; at?: number | null } = {},
): Promise<Snapshot | null> {
  const building: Building = known ?? { version: -1, files: new Map(), removed: new Map(), txns: new Map() };
  const listed = known ? await list(folder, known.version + 1) : await begin(folder, building, open, at);
  if (listed === null) return null;
  for (const version of listed.commits) {
    if (version <= building.version || (at !== null && version > at)) continue;
    if (version !== building.version + 1) throw gap(folder, building.version + 1);
    for (const action of await readCommit(folder, version)) apply(building, action);
    building.version = version;
  }
  if (at !== null && building.version !== at) throw noVersion(folder, at, building.version);
  return whole(building, folder);
}

/** Reads the newest checkpoint that serves; null where there is no log. */
async function begin(folder: Folder, table: Building, open: OpenEngine, at: number | null): Promise<Listed | null> {
  const serves = ({ version }: Checkpoint) => at === null || version <= at;
  const hint = at === null ? await lastCheckpoint(folder) : 0;
  let listed = await list(folder, hint);
  // Word of a checkpoint that is not there: the log is looked through from its start.
  if (hint > 0 && !listed.checkpoints.some(serves)) listed = await list(folder, 0);
  const start = listed.checkpoints.filter(serves).at(-1);
  if (!start) return listed.commits.length > 0 ? listed : null;
  for await (const action of readCheckpoint(folder, start, open)) apply(table, action);
  table.version = start.version;
  return listed;
}

type Building = Omit<Snapshot, 'protocol' | 'metadata'> & Partial<Pick<Snapshot, 'protocol' | 'metadata'>>;

function whole(building: Building, folder: Folder): Snapshot {
  const { protocol, metadata } = building;
  if (!protocol || !metadata) throw unreadable(folder, 'it has no protocol or no schema');
  return Object.assign(building, { protocol, metadata });
}

function apply(table: Building, action: Action): void {
  const { add, remove, txn } = action;
  if (add) {
    const key = fileKey(add);
    table.files.set(key, add);
    table.removed.delete(key);
  } else if (remove) {
    const key = fileKey(remove);
    table.files.delete(key);
    table.removed.set(key, remove);
  } else if (txn) table.txns.set(txn.appId, txn.version);
  else if (action.metaData) table.metadata = action.metaData;
  else if (action.protocol) table.protocol = action.protocol;
}

/** The actions of one version. Throws `format/delta-log` where it is gone or cannot be read. */
export async function readCommit(folder: Folder, version: number): Promise<Action[]> {
  const bytes = await folder.read(`${LOG}/${logFile(version)}`);
  if (bytes === null) throw gap(folder, version);
  try {
    return bytes
      .toString('utf8')
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => JSON.parse(line) as Action);
  } catch {
    throw unreadable(folder, `${logFile(version)} is no JSON`);
  }
}

/** Version of the last checkpoint as its writer left word of it; 0: unknown. */
async function lastCheckpoint(folder: Folder): Promise<number> {
  const bytes = await folder.read(`${LOG}/_last_checkpoint`);
  if (bytes === null) return 0;
  try {
    const { version } = JSON.parse(bytes.toString('utf8')) as { version?: unknown };
    return typeof version === 'number' ? version : 0;
  } catch {
    return 0;
  }
}

const COMMIT = /^(\d{20})\.json$/;
const CHECKPOINT = /^(\d{20})\.checkpoint(?:\.(\d{10})\.(\d{10})|\.[0-9a-f-]{36})?\.(parquet|json)$/;

/** Commits and whole checkpoints from a version on, oldest first. */
async function list(folder: Folder, from: number): Promise<Listed> {
  const commits: number[] = [];
  const parts = new Map<string, Checkpoint & { wanted: number }>();
  for (const { name } of await folder.list(LOG, String(from).padStart(20, '0'))) {
    const commit = COMMIT.exec(name);
    if (commit) commits.push(Number(commit[1]));
    const found = CHECKPOINT.exec(name);
    if (!found) continue;
    // The parts of one checkpoint belong together; any other checkpoint is one file.
    const id = found[3] ? `${found[1]} of ${found[3]}` : name;
    const checkpoint = parts.get(id) ?? { version: Number(found[1]), names: [], wanted: Number(found[3] ?? 1) };
    checkpoint.names.push(name);
    parts.set(id, checkpoint);
  }
  const checkpoints = [...parts.values()].filter(({ names, wanted }) => names.length === wanted);
  return { commits, checkpoints: checkpoints.sort((a, b) => a.version - b.version) };
}

function gap(folder: Folder, version: number): SluiceError {
  return unreadable(folder, `version ${version} is not in it any more`);
}

function unreadable(folder: Folder, why: string): SluiceError {
  return new SluiceError('format/delta-log', 'data', `The log of ${folder.name} cannot be read: ${why}`, {
    hint: 'Restore the files in `_delta_log`, or load from a newer version with --full-refresh.',
  });
}

function noVersion(folder: Folder, wanted: number, newest: number): SluiceError {
  return new SluiceError(
    'format/delta-version',
    'config',
    `${folder.name} has no version ${wanted} that can be read; its newest one is ${newest}`,
    { hint: 'Choose another `version`: old ones go with the log that describes them.' },
  );
}
