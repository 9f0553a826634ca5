import { applied, destructiveEffects, isEmpty, type Plan, planText, SluiceError } from '@sluice/core';
import type { Command } from 'commander';
import { requireDescent } from '../reconcile/descent.ts';
import { problemsOf } from '../repo/problems.ts';
import { revisionOf } from '../repo/revision.ts';
import { confirm } from './confirm.ts';
import { type CommonOptions, outputOf, withCommon } from './options.ts';
import { type Planned, withPlan } from './planned.ts';
import { type ServerOptions, serverOf, withServer } from './server/client.ts';
import { plural, print, tell } from './terminal.ts';

interface ApplyOptions extends CommonOptions, ServerOptions {
  yes?: boolean;
  planHash?: string;
  allowDestructive?: boolean;
  force?: boolean;
}

export function define(command: Command): void {
  withServer(withCommon(command, ['text', 'json']))
    .option('--yes', 'do not ask')
    .option('--plan-hash <hash>', 'do not ask, and apply only the plan that has this hash')
    .option('--allow-destructive', 'also what applying the old files again does not take back')
    .option('--force', 'also a revision that does not descend from the applied one')
    .action(apply);
}

function apply(options: ApplyOptions): Promise<void> {
  const server = serverOf(options);
  if (server) return import('./server/plan.ts').then((there) => there.apply(server, options));
  return withPlan(options, [], async (planned) => {
    const { plan, desired, actual, store, project } = planned;
    if (options.planHash !== undefined && options.planHash !== plan.hash) throw otherPlan(plan);
    const { revision, author } = await revisionOf(project.dir);
    if (options.force !== true) await requireDescent(store, plan, project.dir, revision);
    if (!isEmpty(plan)) {
      requireLeave(plan, options.allowDestructive === true);
      await confirm(planText(plan), options.yes === true || options.planHash !== undefined, options.quiet === true);
    } else if (plan.problems.length > 0 && options.quiet !== true) tell(planText(plan));
    const jobs = applied(desired, actual);
    const problems = problemsOf(jobs, plan.problems);
    const version = await store.applyPlan({ plan, jobs, problems, gitRevision: revision, author });
    write(planned, version, outputOf(options));
  });
}

function write({ plan }: Planned, version: number, output: string): void {
  const changed = plan.changes.filter(({ action }) => action !== 'none').length;
  if (output === 'json') print(JSON.stringify({ version, hash: plan.hash, changed, problems: plan.problems }, null, 2));
  else
    print(
      changed === 0
        ? `Nothing to apply; version ${version}`
        : `Applied ${plural(changed, 'change')}; version ${version}`,
    );
}

function otherPlan(plan: Plan): SluiceError {
  return new SluiceError('plan/hash', 'config', `The plan is another one by now: ${plan.hash}`, {
    hint: 'Files or state changed since it was read. Read `sluice plan` again and apply its hash.',
  });
}

function requireLeave(plan: Plan, allowed: boolean): void {
  const effects = destructiveEffects(plan);
  if (effects.length === 0 || allowed) return;
  const list = effects.map(({ address, message }) => `${address}: ${message}`).join('\n');
  throw new SluiceError(
    'plan/destructive',
    'config',
    `The plan has ${plural(effects.length, 'destructive effect')}\n${list}`,
    {
      hint: 'Nothing was applied. If that is meant, add --allow-destructive.',
    },
  );
}
