import {
  type ActualSet,
  check,
  createProject,
  diff,
  type Job,
  type Plan,
  parseDocument,
  targetScope,
} from '@sluice/core';
import { desiredOf } from './desired.ts';
import { type FileFinding, fileFindings } from './file-findings.ts';
import { loadProject } from './load.ts';

/** A project as the texts of its files, and what is applied of it. */
export interface FilesToPlan {
  files: { path: string; text: string }[];
  actual: ActualSet;
  /** Name of the project where sluice.yaml gives none. */
  name: string;
  /** null: the project has no targets. */
  target: string | null;
  vars: Record<string, string>;
}

export interface FilesPlanned {
  project: string;
  plan: Plan;
  desired: readonly Job[];
  diagnostics: FileFinding[];
}

/** A folder with a project, and what is applied of it. */
export interface FolderToPlan extends Omit<FilesToPlan, 'files' | 'name'> {
  dir: string;
}

/** What differs between the files of a folder and what is applied. Throws as `loadProject` and `planFiles` do. */
export async function planFolder({
  dir,
  actual,
  target,
  vars,
}: FolderToPlan): Promise<Omit<FilesPlanned, 'diagnostics'>> {
  const loaded = await loadProject({ from: dir, project: dir, dotenv: false });
  const desired = desiredOf(loaded, target ?? undefined, vars);
  return { project: desired.project, plan: diff(desired, actual, Date.now()), desired: desired.jobs };
}

/** What would change if these files were the project. Throws `config/target`, `config/variable`. */
export function planFiles({ files, actual, name, target, vars }: FilesToPlan): FilesPlanned {
  const documents = files.map(({ path, text }) => parseDocument(text, path));
  const config = documents.find(({ file }) => file === 'sluice.yaml') ?? null;
  const jobs = documents.filter((one) => one !== config);
  const project = createProject({ config, jobs, name });
  const desired = desiredOf({ project, unreadable: [] }, target ?? undefined, vars);
  const scope = targetScope(project, target === null ? { vars } : { target, vars });
  const diagnostics = documents.flatMap((document) => fileFindings(document, check(document, project, scope)));
  return {
    project: desired.project,
    plan: diff(desired, actual, Date.now()),
    desired: desired.jobs,
    diagnostics,
  };
}
