import type { Document } from '../text/node.ts';

/** The texts of a project, parsed; nothing of the disk is read here. */
export interface ProjectFiles {
  /** sluice.yaml; null for a job file that stands alone. */
  config: Document | null;
  /** Every job file of the project. */
  jobs: readonly Document[];
  /** Name where sluice.yaml gives none: folder plus hash for a lone job file. */
  name?: string;
}

/** A project as the checks see it. Cheap to make again from the same documents: what was analysed is remembered. */
export interface Project {
  readonly name: string;
  readonly files: ProjectFiles;
  /** Names of the targets, the default one first; `default` where sluice.yaml has none. */
  readonly targets: readonly string[];
  /** Whether sluice.yaml declares targets: then `daemon`, `plan` and `apply` want one named. */
  readonly hasTargets: boolean;
}

/** Makes the project of a set of files. */
export function createProject(files: ProjectFiles): Project {
  return { name: files.name ?? 'project', files, targets: ['default'], hasTargets: false };
}
