import type { StageToken, WrittenFile } from '../../../model/component.ts';
import { SluiceError } from '../../../model/error.ts';
import { faultPoint } from '../../../model/fault.ts';
import { keptFrom } from '../../../model/quarantine.ts';
import { stagingLost } from '../staged.ts';
import { type Disk, readJson, writeJson } from './disk.ts';
import type { Fences, Pending } from './fences.ts';
import { ASIDE_FOLDER, COMMIT_FILE } from './names.ts';
import type { CommittedFiles } from './query.ts';
import type { Staged } from './stage.ts';

/** Folder of the versions, in the hidden folder beside the data. */
export const VERSIONS = 'versions';

export interface Publication {
  disk: Disk;
  fences: Fences;
  fence: number;
  /** The data's path: a folder, or a link to a version. */
  place: string;
  /** Hidden folder beside it. */
  home: string;
  /** The commit's folder as it was made, with everything in it. */
  built: string;
  pending: Pending;
  step: 'load' | 'commit';
}

/** Gathers what the tasks of an epoch staged into one folder. Throws commit/staging-lost where a file is not as its token says. */
export async function gather(disk: Disk, tokens: readonly StageToken[], out: string): Promise<void> {
  await disk.mkdir(out);
  const staged = tokens.map((token) => token as unknown as Staged);
  const empty = staged.every((token) => token.rows === 0);
  // A file without rows is kept only to tell the columns.
  const kept = empty ? staged.slice(0, 1) : staged.filter((token) => token.rows > 0);
  for (const token of kept) await bring(disk, token.folder, token.files, out);
  for (const token of staged) await bring(disk, token.folder, token.aside, out);
}

async function bring(disk: Disk, folder: string, files: readonly WrittenFile[], out: string): Promise<void> {
  for (const { path, size } of files) {
    const [from, to] = [disk.paths.join(folder, path), disk.paths.join(out, path)];
    if ((await disk.look(from))?.size === size) {
      await disk.mkdir(disk.paths.dirname(to));
      await disk.rename(from, to);
    } else if ((await disk.look(to))?.size !== size)
      throw stagingLost(`The staged file ${path} is not as its task left it`);
  }
}

/** Makes the commit visible, by one rename. Throws commit/fenced where a newer run has taken over. */
export async function publish(work: Publication): Promise<void> {
  const { disk, fences, fence, place, home, built, pending, step } = work;
  await writeJson(disk, disk.paths.join(built, COMMIT_FILE), summary(pending));
  await disk.sync(built);
  await fences.asHolder(fence, () => disk.remove(fences.path(fence, 'out')));
  await fences.lay(built, fence, 'out');
  await fences.asHolder(fence, () => writeJson(disk, fences.path(fence, 'pending.json'), pending));
  await faultPoint(`destination.${step}.inside`);
  if (pending.version === null) {
    await disk.mkdir(place);
    await fences.asHolder(fence, () => disk.rename(fences.path(fence, 'out'), disk.paths.join(place, pending.folder)));
    await disk.syncNames(place);
  } else await swap(work, pending.version);
  await faultPoint(`destination.${step}.committed`);
  // Tells the same as the rename, but for as long as the state is wanted and not only while the folder is there.
  await writeJson(disk, fences.path(fence, 'done.json'), pending.state).catch(() => undefined);
  await tidy(disk, home, pending.version ?? (await fences.linked()));
}

/** The folder becomes a version of its own, and the data's path a link to it. */
async function swap({ disk, fences, fence, place, home, pending }: Publication, version: string): Promise<void> {
  const { join, dirname } = disk.paths;
  const target = join(dirname(place), version);
  await disk.remove(target);
  await disk.mkdir(target);
  await fences.asHolder(fence, () => disk.rename(fences.path(fence, 'out'), join(target, pending.folder)));
  await disk.syncNames(target);
  await disk.syncNames(join(home, VERSIONS));
  await fences.asHolder(fence, async () => {
    await disk.remove(fences.path(fence, 'link'));
    await disk.links?.make(version, fences.path(fence, 'link'));
  });
  await makeWay(disk, place);
  await fences.asHolder(fence, () => disk.rename(fences.path(fence, 'link'), place));
  await disk.syncNames(dirname(place));
}

/** A link cannot take the place of a folder; an empty one goes, one that holds something is not ours to remove. */
async function makeWay(disk: Disk, place: string): Promise<void> {
  if (await disk.removeEmpty(place)) return;
  if ((await disk.look(place)) === null || (await disk.links?.read(place)) != null) return;
  throw notEmpty(place);
}

export function notEmpty(place: string): SluiceError {
  return new SluiceError(
    'destination/not-empty',
    'config',
    `${place} is a folder that holds files; it cannot be replaced as a whole.`,
    { hint: 'Give `path` a folder that is not there yet, or move this one away.' },
  );
}

/** Readers of the version before this one may still be at work: it stays until the next commit. */
async function tidy(disk: Disk, home: string, version: string | null): Promise<void> {
  if (version === null) return;
  const { join, basename } = disk.paths;
  const names = await disk.names(join(home, VERSIONS));
  if (names.length < 3) return;
  const current = basename(version);
  const others = names.filter((name) => name !== current).sort();
  for (const name of others.slice(0, -1)) await disk.remove(join(home, VERSIONS, name));
}

/** Rows that were set aside outlive the data that they came with, for as long as they are kept. */
export async function carryAside(disk: Disk, place: string, out: string): Promise<void> {
  const { join } = disk.paths;
  for (const commit of await disk.names(place)) {
    for (const file of await disk.names(join(place, commit, ASIDE_FOLDER))) {
      const from = join(place, commit, ASIDE_FOLDER, file);
      if (await isOld(disk, from)) continue;
      await disk.mkdir(join(out, ASIDE_FOLDER));
      const to = join(out, ASIDE_FOLDER, file.startsWith('0') ? file : `${commit}-${file}`);
      await disk.remove(to);
      await disk.links?.share(from, to);
    }
  }
}

/** Removes rows set aside that were kept long enough; commits are in the order of their time, the oldest first. */
export async function forgetOldAside(disk: Disk, place: string): Promise<void> {
  const { join } = disk.paths;
  for (const commit of (await disk.names(place)).sort()) {
    if (!(await isOld(disk, join(place, commit)))) return;
    const folder = join(place, commit, ASIDE_FOLDER);
    const files = await disk.names(folder);
    for (const file of files) if (await isOld(disk, join(folder, file))) await disk.remove(join(folder, file));
    if (files.length > 0) await disk.removeEmpty(folder);
  }
}

async function isOld(disk: Disk, path: string): Promise<boolean> {
  const found = await disk.look(path);
  return found !== null && found.modified < keptFrom(Date.now());
}

function summary({ state, columns }: Pending) {
  const { key, seq, commitId, checkpoint, counts, format } = state;
  return { commit_id: commitId, seq, stream: key, format, columns, counts, checkpoint };
}

/** The link's text for a version: relative, so that both can be moved together. */
export function versionOf(disk: Disk, place: string, home: string, folder: string): string {
  const { relative, dirname, join } = disk.paths;
  return relative(dirname(place), join(home, VERSIONS, folder));
}

/** What every commit below the data's path holds, oldest first. */
export async function committedFiles(disk: Disk, place: string): Promise<CommittedFiles[]> {
  const { join } = disk.paths;
  const commits: CommittedFiles[] = [];
  for (const name of (await disk.names(place)).sort()) {
    const folder = join(place, name);
    const commit = await readJson<Pick<CommittedFiles, 'format' | 'columns'>>(disk, join(folder, COMMIT_FILE));
    if (!commit) continue;
    const all = (await disk.files(folder)).filter((path) => disk.paths.basename(path) !== COMMIT_FILE).sort();
    const isAside = (path: string) => path.startsWith(join(folder, ASIDE_FOLDER));
    commits.push({ ...commit, paths: all.filter((path) => !isAside(path)), aside: all.filter(isAside) });
  }
  return commits;
}
