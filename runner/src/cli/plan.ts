import { isEmpty, planJson, planMarkdown, planText } from '@sluice/core';
import type { Command } from 'commander';
import { EXIT } from './exit.ts';
import { type CommonOptions, outputOf, withCommon } from './options.ts';
import { withPlan } from './planned.ts';
import { print } from './terminal.ts';

interface PlanOptions extends CommonOptions {
  assertEmpty?: boolean;
}

const FORMS = { text: planText, json: planJson, markdown: planMarkdown } as const;

export function define(command: Command): void {
  withCommon(command, Object.keys(FORMS))
    .option('--assert-empty', 'exit with 3 where something would change, or a file has errors')
    .action(plan);
}

function plan(options: PlanOptions): Promise<void> {
  return withPlan(options, async ({ plan: made }) => {
    print(FORMS[outputOf(options) as keyof typeof FORMS](made));
    const equal = isEmpty(made) && made.problems.length === 0;
    if (options.assertEmpty === true && !equal) process.exitCode = EXIT.notEmpty;
  });
}
