import { randomUUID } from 'node:crypto';
import { mkdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { globMatcher, jobPatterns } from '@sluice/core';
import { Problem } from './problems.ts';
import type { ProjectDoor, TargetProject } from './project-door.ts';

/** Throws 409, with what would be written, where the API may not change files. */
export async function requireWritable(door: ProjectDoor, file: string, yaml: string | null): Promise<void> {
  const why = await door.readOnly();
  if (why === null) return;
  const change = yaml === null ? `Remove ${file}` : `Put the YAML of this answer at ${file}`;
  throw new Problem(409, 'api/read-only', `Files are not changed through the API here: ${why}`, {
    hint: `${change} in a pull request.`,
    file,
    ...(yaml === null ? {} : { yaml }),
  });
}

/** Where a new job's file goes. Throws 409 where the project's patterns do not take it for a job file. */
export function fileFor(project: TargetProject, name: string): string {
  const file = `jobs/${name}.yaml`;
  const taken = project.config ? globMatcher(jobPatterns(project.config))(file) : true;
  if (taken) return file;
  throw new Problem(409, 'job/path', `\`jobs\` of sluice.yaml does not match ${file}`, {
    hint: 'Add a pattern for it, or put the file in its place by hand.',
  });
}

/** Writes a file that is not there yet, in one step. Throws 409 where it is. */
export async function createFile(door: ProjectDoor, file: string, text: string): Promise<void> {
  const path = join(door.dir, file);
  await mkdir(dirname(path), { recursive: true });
  await requireInside(door, dirname(path));
  await writeFile(path, text, { flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
    throw new Problem(409, 'job/exists', `There is a file ${file} already`, { hint: 'Take another name.' });
  });
}

/** Puts another text into a file in one step. Throws 409 where it is no longer what was read. */
export async function replaceFile(
  door: ProjectDoor,
  file: string,
  change: { from: string; to: string },
): Promise<void> {
  const path = await realpath(join(door.dir, file));
  await requireInside(door, path);
  const now = await readFile(path, 'utf8');
  if (now !== change.from) {
    throw new Problem(409, 'job/changed', `${file} changed meanwhile`, { hint: 'Read the job again and repeat.' });
  }
  const beside = join(dirname(path), `.${randomUUID()}.tmp`);
  try {
    await writeFile(beside, change.to);
    await rename(beside, path);
  } finally {
    await rm(beside, { force: true });
  }
}

export async function removeFile(door: ProjectDoor, file: string): Promise<void> {
  const path = join(door.dir, file);
  await requireInside(door, dirname(path));
  await rm(path, { force: true });
}

/** A link may lead out of the project. */
async function requireInside({ dir }: ProjectDoor, path: string): Promise<void> {
  const inside = relative(await realpath(dir), await realpath(path));
  if (inside !== '..' && !inside.startsWith(`..${sep}`)) return;
  throw new Problem(409, 'job/path', 'The file lies outside of the project folder', {
    hint: 'A link leads out of it: change the file by hand.',
  });
}
