import { VERSION } from '../../model/version.ts';
import { child, textOf } from '../../text/node.ts';
import type { Rule } from '../rule.ts';
import { satisfies } from '../version-range.ts';

/** A project says which versions of Sluice it is written for. */
export const projectVersion: Rule = {
  project({ scope, report }) {
    const node = child(scope.root, 'requires');
    const range = textOf(scope.root, 'requires');
    if (!node || range === undefined) return;
    const fits = satisfies(VERSION, range);
    if (fits === null)
      report('project/requires', node, `\`${range}\` cannot be read; write bounds such as \`>=0.1 <1\`.`);
    else if (!fits) report('project/requires', node, `This is Sluice ${VERSION}; the project wants ${range}.`);
  },
};
