import { child, type Entry, type Node } from '../../text/node.ts';
import { mergedJob } from '../merged.ts';
import type { Rule } from '../rule.ts';
import { listWords, nearest } from '../suggest.ts';

/** A limit counts what there is: a connection of sluice.yaml, and a tag that a job has. */
export const concurrency: Rule = {
  project({ scope, project, report }) {
    const written = child(scope.root, 'concurrency');
    for (const { key } of entriesOf(child(written, 'connections'))) {
      if (scope.connections.has(key.source)) continue;
      const known = [...scope.connections.keys()];
      const near = nearest(key.source, known);
      const there = known.length > 0 ? `; there are ${listWords(known)}.` : ': it has none.';
      const fix = near ? { title: `Use \`${near}\``, edits: [{ range: key.range, text: near }] } : undefined;
      const message = `sluice.yaml has no connection \`${key.source}\`${near ? `; did you mean \`${near}\`?` : there}`;
      report('connection/unknown', key, message, { fix });
    }
    const tags = entriesOf(child(written, 'tags'));
    // An editor that has not read all jobs yet does not know every tag.
    if (tags.length === 0 || project.files.partial) return;
    const carried = new Set(project.files.jobs.flatMap((job) => mergedJob(project.view(job, scope))?.whole.tags ?? []));
    for (const { key } of tags) {
      if (carried.has(key.source)) continue;
      const near = nearest(key.source, [...carried].map(String));
      const fix = near ? { title: `Use \`${near}\``, edits: [{ range: key.range, text: near }] } : undefined;
      const message = `No job has the tag \`${key.source}\`: the limit counts nothing${near ? `; did you mean \`${near}\`?` : '.'}`;
      report('concurrency/tag', key, message, { severity: 'warning', fix });
    }
  },
};

function entriesOf(node: Node | undefined): readonly Entry[] {
  return node?.kind === 'map' ? node.entries : [];
}
