import { child, entryOf } from '../../text/node.ts';
import type { Rule } from '../rule.ts';
import { targetsOf } from '../scope.ts';
import { listWords, nearest } from '../suggest.ts';

/** Of several targets one is the default; what they set is declared. */
export const targets: Rule = {
  project({ document, scope, report }) {
    const all = targetsOf(document);
    const defaults = all.filter((target) => target.isDefault);
    for (const extra of defaults.slice(1)) {
      if (extra.key)
        report('project/default-target', extra.key, `\`${defaults[0]!.name}\` is the default target already.`);
    }
    const first = all[0]?.key;
    const key = entryOf(document.root, 'targets')?.key;
    if (defaults.length === 0 && first && key) {
      report(
        'project/default-target',
        key,
        `One target must be the default one: \`default: true\` under ${listWords(all.map((t) => t.name))}.`,
      );
    }
    for (const target of all) {
      const variables = child(scope.root, 'targets', target.name, 'variables');
      for (const entry of variables?.kind === 'map' ? variables.entries : []) {
        const name = entry.key.source;
        if (scope.variables.has(name)) continue;
        const near = nearest(name, scope.variables.keys());
        report(
          'project/variable',
          entry.key,
          `\`${name}\` is not declared under \`variables\`${near ? `; did you mean \`${near}\`?` : '.'}`,
        );
      }
    }
  },
};
