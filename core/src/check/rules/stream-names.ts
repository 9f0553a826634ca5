import { child, textOf } from '../../text/node.ts';
import type { Rule } from '../rule.ts';

/** State and tables of a job are told apart by the names of its streams. */
export const streamNames: Rule = {
  job({ view, report }) {
    const seen = new Map<string, number>();
    for (const [i, { written, name }] of view.streams.entries()) {
      const node = child(written, 'name');
      const first = seen.get(name);
      if (!node || textOf(written, 'name') === undefined) continue;
      if (first === undefined) seen.set(name, i);
      else {
        const range = child(view.streams[first]!.written, 'name')?.range ?? node.range;
        const related = [{ message: 'the first one', file: view.document.file, range }];
        report('stream/duplicate-name', node, `Two streams of this job are called \`${name}\`.`, { related });
      }
    }
  },
};
