import { child } from '../../text/node.ts';
import type { Rule } from '../rule.ts';

/** The smaller bound is the smaller one. */
export const workers: Rule = {
  job({ view, report }) {
    const min = child(view.job, 'compute', 'workers', 'min');
    const max = child(view.job, 'compute', 'workers', 'max');
    if (min?.kind !== 'scalar' || max?.kind !== 'scalar') return;
    if (Number(min.value) > Number(max.value))
      report('compute/workers', min, `\`min\` (${min.source}) is above \`max\` (${max.source}).`);
  },
};
