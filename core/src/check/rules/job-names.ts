import { entryOf } from '../../text/node.ts';
import type { Rule } from '../rule.ts';

/** State, plan and commands know a job by its name alone, so that no two files may declare the same. */
export const jobNames: Rule = {
  across: true,
  job({ view, project, report }) {
    if (view.name === undefined) return;
    const others = (project.index(view.scope).byName.get(view.name) ?? []).filter(
      (other) => other.document.file !== view.document.file,
    );
    const first = others[0];
    const name = first && entryOf(view.root, 'name')?.value;
    if (!first || !name) return;
    const range = entryOf(first.document.root, 'name')?.value.range ?? { start: 0, end: 0 };
    const related = [{ message: 'also here', file: first.document.file, range }];
    report('job/duplicate-name', name, `The job \`${view.name}\` is declared in ${first.document.file} as well.`, {
      related,
    });
  },
};
