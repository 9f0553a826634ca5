import { copyFile, link, mkdir, readdir, rename, rm, rmdir, stat, symlink } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import type { StageToken, WrittenFile } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import { faultPoint } from '../../model/fault.ts';
import { keptFrom } from '../../model/quarantine.ts';
import { moveTo, orNull, readJson, syncPath, syncTree, writeJson } from '../shared/files/disk.ts';
import { ASIDE_FOLDER, COMMIT_FILE } from '../shared/files/names.ts';
import type { CommittedFiles } from '../shared/files/query.ts';
import type { Staged } from '../shared/files/stage.ts';
import { stagingLost } from '../shared/staged.ts';
import type { Fences, Pending } from './fences.ts';

/** Folder of the versions, in the hidden folder beside the data. */
export const VERSIONS = 'versions';

export interface Publication {
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
export async function gather(tokens: readonly StageToken[], out: string): Promise<void> {
  await mkdir(out, { recursive: true });
  const staged = tokens.map((token) => token as unknown as Staged);
  const empty = staged.every((token) => token.rows === 0);
  // A file without rows is kept only to tell the columns.
  const kept = empty ? staged.slice(0, 1) : staged.filter((token) => token.rows > 0);
  for (const token of kept) await bring(token.folder, token.files, out);
  for (const token of staged) await bring(token.folder, token.aside, out);
}

async function bring(folder: string, files: readonly WrittenFile[], out: string): Promise<void> {
  for (const { path, size } of files) {
    const to = join(out, path);
    const found = await orNull(stat(join(folder, path)));
    if (found !== null && found.size === size) await moveTo(join(folder, path), to);
    else if ((await orNull(stat(to)))?.size !== size)
      throw stagingLost(`The staged file ${path} is not as its task left it`);
  }
}

/** Makes the commit visible, by one rename. Throws commit/fenced where a newer run has taken over. */
export async function publish(work: Publication): Promise<void> {
  const { fences, fence, place, home, built, pending, step } = work;
  await writeJson(join(built, COMMIT_FILE), summary(pending));
  await syncTree(built);
  await fences.asHolder(fence, () => rm(fences.path(fence, 'out'), { recursive: true, force: true }));
  await fences.lay(built, fence, 'out');
  await fences.asHolder(fence, () => writeJson(fences.path(fence, 'pending.json'), pending));
  await faultPoint(`destination.${step}.inside`);
  if (pending.version === null) {
    await fences.asHolder(fence, () => rename(fences.path(fence, 'out'), join(place, pending.folder)));
    await syncPath(place);
  } else await swap(work, pending.version);
  await faultPoint(`destination.${step}.committed`);
  // Tells the same as the rename, but for as long as the state is wanted and not only while the folder is there.
  await writeJson(fences.path(fence, 'done.json'), pending.state).catch(() => undefined);
  await tidy(home, pending.version ?? (await fences.linked()));
}

/** The folder becomes a version of its own, and the data's path a link to it. */
async function swap({ fences, fence, place, home, pending }: Publication, version: string): Promise<void> {
  const target = join(dirname(place), version);
  await rm(target, { recursive: true, force: true });
  await mkdir(target, { recursive: true });
  await fences.asHolder(fence, () => rename(fences.path(fence, 'out'), join(target, pending.folder)));
  await syncPath(target);
  await syncPath(join(home, VERSIONS));
  await fences.asHolder(fence, async () => {
    await rm(fences.path(fence, 'link'), { force: true });
    await symlink(version, fences.path(fence, 'link'), process.platform === 'win32' ? 'junction' : 'dir');
  });
  await makeWay(place);
  await fences.asHolder(fence, () => rename(fences.path(fence, 'link'), place));
  await syncPath(dirname(place));
}

/** A link cannot take the place of a folder; an empty one goes, one that holds something is not ours to remove. */
async function makeWay(place: string): Promise<void> {
  await rmdir(place).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return;
    throw notEmpty(place);
  });
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
async function tidy(home: string, version: string | null): Promise<void> {
  const names = (await orNull(readdir(join(home, VERSIONS)))) ?? [];
  if (version === null || names.length < 3) return;
  const current = basename(version);
  const others = names.filter((name) => name !== current).sort();
  for (const name of others.slice(0, -1)) await rm(join(home, VERSIONS, name), { recursive: true, force: true });
}

/** Rows that were set aside outlive the data that they came with, for as long as they are kept. */
export async function carryAside(place: string, out: string): Promise<void> {
  const commits = (await orNull(readdir(place))) ?? [];
  for (const commit of commits) {
    const files = (await orNull(readdir(join(place, commit, ASIDE_FOLDER)))) ?? [];
    for (const file of files) {
      const from = join(place, commit, ASIDE_FOLDER, file);
      if (await isOld(from)) continue;
      await mkdir(join(out, ASIDE_FOLDER), { recursive: true });
      const to = join(out, ASIDE_FOLDER, file.startsWith('0') ? file : `${commit}-${file}`);
      await rm(to, { force: true });
      await link(from, to).catch(() => copyFile(from, to));
    }
  }
}

/** Removes rows set aside that were kept long enough; commits are in the order of their time, the oldest first. */
export async function forgetOldAside(place: string): Promise<void> {
  for (const commit of ((await orNull(readdir(place))) ?? []).sort()) {
    if (!(await isOld(join(place, commit)))) return;
    const folder = join(place, commit, ASIDE_FOLDER);
    const files = (await orNull(readdir(folder))) ?? [];
    for (const file of files) if (await isOld(join(folder, file))) await rm(join(folder, file), { force: true });
    if (files.length > 0) await rmdir(folder).catch(() => undefined);
  }
}

async function isOld(path: string): Promise<boolean> {
  const found = await orNull(stat(path));
  return found !== null && found.mtimeMs < keptFrom(Date.now()).getTime();
}

function summary({ state, columns }: Pending) {
  const { key, seq, commitId, checkpoint, counts, format } = state;
  return { commit_id: commitId, seq, stream: key, format, columns, counts, checkpoint };
}

/** The link's text for a version: relative, so that both can be moved together. */
export function versionOf(place: string, home: string, folder: string): string {
  return relative(dirname(place), join(home, VERSIONS, folder));
}

/** What every commit below the data's path holds, oldest first. */
export async function committedFiles(place: string): Promise<CommittedFiles[]> {
  const commits: CommittedFiles[] = [];
  for (const name of ((await orNull(readdir(place))) ?? []).sort()) {
    const folder = join(place, name);
    const commit = await readJson<Pick<CommittedFiles, 'format' | 'columns'>>(join(folder, COMMIT_FILE));
    if (!commit) continue;
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const all = entries
      .filter((e) => e.isFile() && e.name !== COMMIT_FILE)
      .map((e) => join(e.parentPath, e.name))
      .sort();
    const isAside = (path: string) => path.includes(`/${ASIDE_FOLDER}/`);
    commits.push({ ...commit, paths: all.filter((path) => !isAside(path)), aside: all.filter(isAside) });
  }
  return commits;
}
