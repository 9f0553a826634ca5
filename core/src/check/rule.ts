import type { Document } from '../text/node.ts';
import type { Report } from './host.ts';
import type { Project } from './project.ts';
import type { Scope } from './scope.ts';
import type { JobView, StreamView } from './view.ts';

interface JobContext {
  view: JobView;
  project: Project;
  report: Report;
}

export interface StreamContext extends JobContext {
  stream: StreamView;
}

interface ProjectContext {
  document: Document;
  scope: Scope;
  project: Project;
  report: Report;
}

/** One thing that the schema cannot say. Each part is called on what its name says; none looks at the disk. */
export interface Rule {
  /**
   * It looks at the other jobs of the project, and says nothing before all of them are read. It is asked about each job whenever any file
   * changes: it has no `stream`, and looks into a tree only to tell of something.
   */
  across?: true;
  job?(context: JobContext): void;
  stream?(context: StreamContext): void;
  project?(context: ProjectContext): void;
}
