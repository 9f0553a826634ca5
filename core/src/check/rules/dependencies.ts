import { itemsOf, type Node } from '../../text/node.ts';
import type { ProjectIndex } from '../project-index.ts';
import type { Rule } from '../rule.ts';
import { textsOf } from '../scope.ts';
import { nearest } from '../suggest.ts';

/** What a job waits for must exist and must not wait for the job. */
export const dependencies: Rule = {
  across: true,
  job({ view, project, report }) {
    for (const item of itemsOf(view.job, 'depends_on')) {
      const name = item.kind === 'scalar' ? String(item.value) : '';
      if (!project.index(view.scope).byName.has(name)) {
        const near = nearest(name, project.index(view.scope).byName.keys());
        const fix = near ? { title: `Use \`${near}\``, edits: [{ range: item.range, text: near }] } : undefined;
        report(
          'job/unknown-dependency',
          item,
          `The project has no job \`${name}\`${near ? `; did you mean \`${near}\`?` : '.'}`,
          { fix },
        );
        continue;
      }
      const circle = view.name === undefined ? null : wayBack(project.index(view.scope), name, view.name);
      if (circle)
        report(
          'job/cycle',
          item as Node,
          `\`${view.name}\` would wait for itself: ${[view.name, ...circle].join(' → ')}.`,
        );
    }
  },
};

/** The jobs from one to another along `depends_on`, both included; null where there is no way. */
function wayBack(index: ProjectIndex, from: string, to: string): string[] | null {
  const cameFrom = new Map<string, string | null>([[from, null]]);
  const queue = [from];
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    if (name === to) {
      const way: string[] = [];
      for (let at: string | null | undefined = name; at != null; at = cameFrom.get(at)) way.unshift(at);
      return way;
    }
    for (const view of index.byName.get(name) ?? []) {
      for (const next of textsOf(view.job, 'depends_on')) {
        if (cameFrom.has(next)) continue;
        cameFrom.set(next, name);
        queue.push(next);
      }
    }
  }
  return null;
}
