import type { Change, Plan } from './types.ts';

/** What some jobs of a plan bring. It has no hash, since a plan is applied whole or not at all. */
export interface PartPlan extends Omit<Plan, 'hash'> {
  hash: null;
  /** Changes of the plan that are left out here. */
  others: number;
}

/** The part of a plan that is about these addresses (`job` with all its streams, or `job/stream`) and files. */
export function partOf(plan: Plan, addresses: ReadonlySet<string>, files: ReadonlySet<string>): PartPlan {
  const [kept, others]: [Change[], Change[]] = [[], []];
  for (const change of plan.changes) {
    const [job = ''] = change.address.split('/', 1);
    if (addresses.has(change.address) || addresses.has(job)) kept.push(change);
    else if (change.action !== 'none') others.push(change);
  }
  const problems = plan.problems.filter(({ file }) => files.has(file));
  return { ...plan, changes: kept, problems, hash: null, others: others.length };
}
