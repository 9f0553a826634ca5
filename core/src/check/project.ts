import type { Document } from '../text/node.ts';
import { textOf } from '../text/node.ts';
import { buildIndex, factsOf, type ProjectIndex, patchIndex } from './project-index.ts';
import { type Scope, scopeOf, targetsOf } from './scope.ts';
import { type JobView, viewOf } from './view.ts';

/** The texts of a project, parsed; nothing of the disk is read here. */
export interface ProjectFiles {
  /** sluice.yaml; null for a job file that stands alone. */
  config: Document | null;
  /** Every job file of the project. */
  jobs: readonly Document[];
  /** Not all job files are read yet: what only all of them can tell is not said. */
  partial?: boolean;
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
  /** Address of the state as written, references not put in; null where sluice.yaml gives none. */
  readonly stateStore: string | null;
  /** sluice.yaml in one target; the default one where left out. */
  scope(target?: string, vars?: Readonly<Record<string, string>>): Scope;
  /** What is known of all jobs together: computed when it is first asked for. */
  index(scope: Scope): ProjectIndex;
  view(document: Document, scope?: Scope): JobView;
  /** Works out what `index` needs of one job, so that an editor can spread the work over many turns. */
  analyse(document: Document, scope: Scope): void;
}

interface Indexed {
  jobs: readonly Document[];
  index: ProjectIndex;
}

const indexes = new WeakMap<Scope, Indexed>();

/** Beyond this many changed files the index is built anew. */
const MOST_PATCHED = 32;

/** The index of these jobs, remembered for the last ones that were asked about: an editor changes one at a time. */
function indexOf(jobs: readonly Document[], scope: Scope): ProjectIndex {
  const last = indexes.get(scope);
  if (last?.jobs === jobs) return last.index;
  const changed = last ? changedJobs(last.jobs, jobs) : null;
  const index =
    last && changed
      ? patchIndex(
          last.index,
          changed.map(([old, now]) => [viewOf(old, scope), viewOf(now, scope)]),
        )
      : buildIndex(jobs.map((document) => viewOf(document, scope)));
  indexes.set(scope, { jobs, index });
  return index;
}

/** Pairs of the documents that differ between two lists of the same files; null where the lists differ by more. */
function changedJobs(old: readonly Document[], now: readonly Document[]): [Document, Document][] | null {
  if (old.length !== now.length) return null;
  const pairs: [Document, Document][] = [];
  for (const [i, document] of now.entries()) {
    const before = old[i]!;
    if (before === document) continue;
    if (before.file !== document.file || pairs.length === MOST_PATCHED) return null;
    pairs.push([before, document]);
  }
  return pairs;
}

/** Makes the project of a set of files. */
export function createProject(files: ProjectFiles): Project {
  const targets = targetsOf(files.config);
  const scope: Project['scope'] = (target, vars = {}) => scopeOf(files.config, target, vars);
  const view: Project['view'] = (document, wanted) => viewOf(document, wanted ?? scope());
  return {
    name: textOf(files.config?.root, 'name') ?? files.name ?? 'project',
    files,
    targets: targets.map((target) => target.name),
    hasTargets: targets.some((target) => target.key !== null),
    get stateStore() {
      return textOf(scope().root, 'state_store') ?? null;
    },
    scope,
    view,
    analyse: (document, wanted) => void factsOf(view(document, wanted)),
    index: (wanted) => indexOf(files.jobs, wanted),
  };
}
