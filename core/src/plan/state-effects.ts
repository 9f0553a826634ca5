import { kept } from './effect.ts';
import type { Change, Effect, Plan } from './types.ts';

/** What the state store knows of the jobs of a plan. It is of a moment, and no part of the plan's hash. */
export interface KnownState {
  /** Runs that have not ended. */
  runs: { job: string; id: string; state: 'queued' | 'running' | 'committing' }[];
  /** Jobs that are paused: since when, by whom. ISO 8601. */
  paused: { job: string; at: string; by: string | null }[];
  /** The last commit of each stream. ISO 8601. */
  commits: { job: string; stream: string; seq: number; committed_at: string }[];
}

/** The names under which the state store knows the jobs that a plan changes: also those that they had before. */
export function changedJobs(plan: Pick<Plan, 'changes'>): string[] {
  const names = plan.changes.flatMap(({ action, address, renamed_from }) =>
    action === 'none' ? [] : [jobOf(address), ...(renamed_from === undefined ? [] : [renamed_from])],
  );
  return [...new Set(names)];
}

/** The plan with what it means for runs that go on or wait, for pauses, and for what was committed before. */
export function withState(plan: Plan, known: KnownState): Plan {
  const touched = new Set(plan.changes.filter(({ action }) => action !== 'none').map(({ address }) => jobOf(address)));
  const changes = plan.changes.map((change) => {
    const own = change.address === jobOf(change.address);
    const runs =
      own && touched.has(change.address) ? [...runEffects(change, known), ...pauseEffects(change, known)] : [];
    const effects = change.action === 'none' ? change.effects : loadedBefore(change, known);
    return runs.length === 0 && effects === change.effects ? change : { ...change, effects: [...effects, ...runs] };
  });
  return { ...plan, changes };
}

function jobOf(address: string): string {
  return address.split('/', 1)[0] ?? '';
}

function runEffects({ address, action, renamed_from: old }: Change, { runs }: KnownState): Effect[] {
  const own = runs.filter(({ job }) => job === (old ?? address));
  const alive = own.filter(({ state }) => state !== 'queued');
  const waiting = own.length - alive.length;
  const effects = alive.map(({ id, state }) => {
    const doing = state === 'committing' ? 'is committing' : 'goes on';
    if (action === 'delete') return kept('runs', `run ${id} ${doing} and may end`);
    if (old === undefined) return kept('runs', `run ${id} ${doing} as it began; the next one is by the new files`);
    return kept(
      'runs',
      `run ${id} ${doing} under the old name, and commits unless a run under the new one begins before`,
    );
  });
  if (waiting === 0) return effects;
  const noun = waiting === 1 ? '1 run that waits' : `${waiting} runs that wait`;
  const gone = action === 'delete' || old !== undefined;
  const what = gone
    ? `${waiting === 1 ? 'is' : 'are'} cancelled`
    : `${waiting === 1 ? 'stays' : 'stay'} as put into the queue`;
  return [...effects, kept('runs', `${noun} ${what}`)];
}

function pauseEffects({ address, action, renamed_from: old }: Change, { paused }: KnownState): Effect[] {
  const found = paused.find(({ job }) => job === (old ?? address));
  if (!found || action === 'delete') return [];
  const by = found.by === null ? '' : ` by ${found.by}`;
  return [kept('schedule', `paused since ${found.at}${by}: nothing fires before it is resumed`)];
}

/** A stream that comes may have been there before: what its destination remembers of it counts. */
function loadedBefore(change: Change, { commits }: KnownState): Effect[] {
  const job = jobOf(change.address);
  const own = commits.filter(
    (one) => (one.stream === one.job ? one.job : `${one.job}/${one.stream}`) === change.address,
  );
  const last = own[0];
  if (!last) return change.effects;
  const commit = `commit ${last.seq} of ${last.committed_at}`;
  if (change.action === 'update' && !change.effects.some(({ kind }) => kind === 'load')) return change.effects;
  if (change.action !== 'create') return [...change.effects, kept('load', `last loaded: ${commit}`)];
  const text = `an earlier ${change.address === job ? 'job' : 'stream'} of this name made ${commit}: where source and destination are the same, the first run goes on from there`;
  return [...change.effects.filter(({ kind }) => kind !== 'load'), kept('load', text)];
}
