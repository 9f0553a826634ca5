import { check } from '../check/check.ts';
import type { Project } from '../check/project.ts';
import { textsOf } from '../check/scope.ts';
import type { Range } from '../model/diagnostic.ts';
import { parseCron } from '../schedule/cron.ts';
import { nextFires } from '../schedule/fires.ts';
import { isTimeZone } from '../schedule/zone.ts';
import { entryOf, textOf } from '../text/node.ts';

/** A job as a list of jobs shows it: from its file alone. */
export interface JobOverview {
  /** null: the file does not say one that can be read. */
  name: string | null;
  file: string;
  range: Range;
  tags: string[];
  enabled: boolean;
  streams: string[];
  /** When it would fire next, ISO 8601; null: it has no schedule, or it has ended. */
  next: string | null;
  errors: number;
  warnings: number;
}

export interface ConnectionOverview {
  name: string;
  type: string | null;
  file: string;
  range: Range;
  /** Names of the jobs that use it. */
  jobs: string[];
}

export interface ProjectOverview {
  /** null: sluice.yaml gives none, and its folder names it. */
  name: string | null;
  target: string | null;
  jobs: JobOverview[];
  connections: ConnectionOverview[];
}

/** What a project holds, for lists in an editor. `now`: milliseconds since 1970. */
export function projectOverview(project: Project, now: number): ProjectOverview {
  const scope = project.scope();
  const uses = new Map<string, Set<string>>();
  const jobs = project.files.jobs.map((document): JobOverview => {
    const view = project.view(document, scope);
    const found = check(document, project);
    for (const stream of view.streams) {
      for (const side of ['source', 'destination']) {
        const name = textOf(stream.node, side, 'connection');
        if (name !== undefined && view.name !== undefined) uses.set(name, (uses.get(name) ?? new Set()).add(view.name));
      }
    }
    return {
      name: view.name ?? null,
      file: document.file,
      range: entryOf(document.root, 'name')?.value.range ?? { start: 0, end: 0 },
      tags: textsOf(view.job, 'tags'),
      enabled: textOf(view.job, 'enabled') !== 'false',
      streams: entryOf(view.root, 'streams') ? view.streams.map(({ name }) => name) : [],
      next: nextOf(textOf(view.job, 'schedule', 'cron'), textOf(view.job, 'schedule', 'timezone') ?? 'UTC', now),
      errors: found.filter(({ severity }) => severity === 'error').length,
      warnings: found.filter(({ severity }) => severity === 'warning').length,
    };
  });
  const connections = [...scope.connections].map(
    ([name, { key, type }]): ConnectionOverview => ({
      name,
      type: type ?? null,
      file: key.file,
      range: key.range,
      jobs: [...(uses.get(name) ?? [])].sort(),
    }),
  );
  const name = textOf(project.files.config?.root, 'name') ?? null;
  return { name, target: scope.target, jobs, connections };
}

function nextOf(cron: string | undefined, zone: string, now: number): string | null {
  const parsed = cron === undefined ? null : parseCron(cron);
  if (!parsed?.ok || !isTimeZone(zone)) return null;
  const [next] = nextFires(parsed.cron, zone, now, 1);
  return next === undefined ? null : new Date(next).toISOString();
}
