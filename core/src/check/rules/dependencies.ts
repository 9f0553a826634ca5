import { itemsOf, type Node } from '../../text/node.ts';
import { factsOf, type ProjectIndex } from '../project-index.ts';
import type { Rule } from '../rule.ts';
import { nearest } from '../suggest.ts';

/** What a job waits for must exist and must not wait for the job. */
export const dependencies: Rule = {
  across: true,
  job({ view, project, report }) {
    for (const [i, name] of factsOf(view).dependsOn.entries()) {
      const item = () =>
        itemsOf(view.job, 'depends_on').filter((node) => node.kind === 'scalar' && node.value !== null)[i] as Node;
      if (!project.index(view.scope).byName.has(name)) {
        const near = nearest(name, [...project.index(view.scope).byName.keys()].sort());
        const node = item();
        const fix = near ? { title: `Use \`${near}\``, edits: [{ range: node.range, text: near }] } : undefined;
        report(
          'job/unknown-dependency',
          node,
          `The project has no job \`${name}\`${near ? `; did you mean \`${near}\`?` : '.'}`,
          { fix },
        );
        continue;
      }
      const circle = view.name === undefined ? null : wayBack(project.index(view.scope), name, view.name);
      if (circle)
        report('job/cycle', item(), `\`${view.name}\` would wait for itself: ${[view.name, ...circle].join(' → ')}.`);
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
      for (const next of factsOf(view).dependsOn) {
        if (cameFrom.has(next)) continue;
        cameFrom.set(next, name);
        queue.push(next);
      }
    }
  }
  return null;
}
