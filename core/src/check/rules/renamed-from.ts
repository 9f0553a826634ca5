import { itemsOf } from '../../text/node.ts';
import { factsOf } from '../project-index.ts';
import type { Rule } from '../rule.ts';

/** An old name can pass its state on once, and only when no job bears it any more. */
export const renamedFrom: Rule = {
  across: true,
  job({ view, project, report }) {
    if (factsOf(view).oldNames.length === 0) return;
    for (const item of itemsOf(view.root, 'renamed_from')) {
      if (item.kind !== 'scalar' || item.value === null) continue;
      const old = String(item.value);
      const bearer = project.index(view.scope).byName.get(old)?.[0];
      if (bearer) {
        const whose =
          bearer.document.file === view.document.file ? 'this job still has' : `the job of ${bearer.document.file} has`;
        report('job/renamed-from', item, `\`${old}\` cannot be an earlier name: ${whose} it.`);
        continue;
      }
      const heirs = project.index(view.scope).byOldName.get(old) ?? [];
      const other = heirs.find((heir) => heir.document.file !== view.document.file);
      if (other)
        report(
          'job/renamed-from',
          item,
          `${other.document.file} takes over the state of \`${old}\` as well; only one job can.`,
        );
    }
  },
};
