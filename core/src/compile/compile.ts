import type { Project } from '../check/project.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import type { Job } from '../model/job.ts';
import type { Document } from '../text/node.ts';

export interface CompileOptions {
  /** Name of the target; the project's default one where left out. */
  target?: string;
  /** Values of `--var`, over the target's and the defaults. */
  vars?: Readonly<Record<string, string>>;
}

export interface Compiled {
  /** null where a diagnostic is an error. */
  job: Job | null;
  diagnostics: Diagnostic[];
}

/** Turns a job file into its Job: defaults, connections, presets and streams laid out. Throws `config/target` on an unknown target. */
export function compile(document: Document, _project: Project, _options: CompileOptions = {}): Compiled {
  return { job: null, diagnostics: document.diagnostics };
}
