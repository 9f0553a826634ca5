import type { Document, Project } from '@sluice/core';

/** A project as it lies on disk. */
export interface LoadedProject {
  /** Real path of the project folder. */
  dir: string;
  project: Project;
  /** sluice.yaml, where there is one. */
  config: Document | null;
  /** Job files by path relative to the folder. */
  jobs: Map<string, Document>;
  /** Files that could not be read, with the reason. */
  unreadable: { file: string; reason: string }[];
  /** The environment with `.env` laid under it. */
  env: Record<string, string | undefined>;
}

export interface LoadOptions {
  /** Folder from which to look for sluice.yaml upward, or the project's folder itself. */
  from: string;
  /** `--project`: this folder and no other. */
  project?: string;
  /** Job files named on the command line: a file outside the project's glob, or without a project, is loaded as well. */
  files?: readonly string[];
}

/** Loads the project of a folder or of a lone job file. Throws `project/unreadable` where the folder cannot be read. */
export async function loadProject(_options: LoadOptions): Promise<LoadedProject> {
  throw new Error('not built yet');
}
