import {
  type ActualSet,
  applied,
  diff,
  isEmpty,
  type Job,
  messageOf,
  SluiceError,
  type SluiceErrorJson,
} from '@sluice/core';
import type { DaemonLog } from '../observe/log.ts';
import { repeat, sleep } from '../observe/repeat.ts';
import { desiredOf } from '../repo/desired.ts';
import { type LoadedProject, loadProject } from '../repo/load.ts';
import { problemsOf } from '../repo/problems.ts';
import type { Store } from '../store/store.ts';
import type { TargetKey } from '../store/types.ts';
import type { Checkout } from './checkout.ts';
import { requireDescent } from './descent.ts';

export interface ReconcileMeans {
  store: Store;
  key: TargetKey;
  /** As `--target` says; null: the project has no targets. */
  target: string | null;
  vars: Record<string, string>;
  checkout: Checkout;
  owner: string;
  host: string;
  /** Told of jobs that were deleted. */
  deleted(job: Job): Promise<void>;
  /** Applies revisions that do not descend from the applied one. */
  force: boolean;
  clock(): Promise<number>;
  log: DaemonLog;
}

/** Whoever follows the checkout says so this often; another may after LEASE_MS without. */
const LEASE_MS = 10_000;
const RENEW_MS = 2500;
const LONGEST_WAIT_MS = 60_000;

/**
 * Keeps what is applied equal to a checkout, for the one daemon of a project that may, until the signal says stop. Never throws.
 */
export class Reconciler {
  readonly #means: ReconcileMeans;
  #dirty = true;
  /** Files that have changed since the last pass; null: any may have. */
  #changed: Set<string> | null = null;
  #passing = false;
  /** What the last pass found, so that the next one costs what has changed. */
  #known: { loaded: LoadedProject; actual: ActualSet } | null = null;
  #held = false;
  #poked: () => void = () => undefined;
  /** Problems of files that the log has told of. */
  #told = '';
  /** Those who wait for a pass that begins from now on. */
  #waiting: ((error: unknown) => void)[] = [];

  constructor(means: ReconcileMeans) {
    this.#means = means;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { store, key, owner, log, checkout } = this.#means;
    await checkout.watch((files) => this.#poke(files), signal);
    await repeat('reconcile', { log, signal }, async () => {
      await this.#hold();
      if (this.#held && this.#dirty) await this.#pass(signal);
      const poked = new AbortController();
      this.#poked = () => poked.abort();
      if (!this.#dirty || !this.#held) await sleep(RENEW_MS, AbortSignal.any([signal, poked.signal]));
      return 0;
    });
    if (this.#held) await store.nodes.leaveReconciler(key, owner).catch(() => undefined);
    for (const tell of this.#waiting.splice(0)) tell(stopped());
  }

  /**
   * Looks at the files now; resolves once they are applied, also where another daemon follows the same folder. Throws what a pass throws,
   * and `reconcile/elsewhere`. `files`: those that were just written, beside what was seen to change; null: any may have been.
   */
  async now(signal: AbortSignal, files: ReadonlySet<string> | null = null): Promise<void> {
    const { store, key, checkout } = this.#means;
    if (this.#held) return this.#nextPass(files);
    const other = await store.nodes.reconciler(key);
    if (other && other.checkout !== checkout.name) throw elsewhere();
    await checkout.update(signal);
    await this.#apply(null);
  }

  /**
   * The files as they are now, at the cost of what has changed since the last pass, which keeps them; null: this daemon follows no
   * checkout, or knows none of its files yet.
   */
  async files(): Promise<LoadedProject | null> {
    if (!this.#held || !this.#known) return null;
    const { folder } = this.#means.checkout;
    const previous = this.#known.loaded;
    // What a pass is about to take in is in neither.
    const changed = this.#passing ? null : this.#changed;
    return loadProject({ from: folder, project: folder, dotenv: false, previous, ...(changed ? { changed } : {}) });
  }

  #nextPass(files: ReadonlySet<string> | null): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(elsewhere()), LONGEST_WAIT_MS);
      this.#waiting.push((error) => {
        clearTimeout(timer);
        if (error) reject(error);
        else resolve();
      });
      this.#poke(files);
    });
  }

  #poke(files: ReadonlySet<string> | null): void {
    if (files === null) this.#changed = null;
    else for (const file of files) this.#changed?.add(file);
    this.#dirty = true;
    this.#poked();
  }

  async #hold(): Promise<void> {
    const { store, key, owner, host, checkout, log } = this.#means;
    const wanted = {
      ...key,
      owner,
      host,
      checkout: checkout.name,
      folder: checkout.folder,
      read_only: checkout.readOnly,
    };
    const held = await store.nodes.holdReconciler(wanted, LEASE_MS);
    if (held && !this.#held) {
      // Another may have applied its own meanwhile.
      this.#poke(null);
      log.info({ checkout: checkout.name }, 'follows the checkout');
    }
    if (!held && this.#held) log.warn({ checkout: checkout.name }, 'another daemon follows its checkout now');
    this.#held = held;
    if (!held) for (const tell of this.#waiting.splice(0)) tell(elsewhere());
  }

  async #pass(signal: AbortSignal): Promise<void> {
    const { store, key, owner, checkout, log } = this.#means;
    const waiting = this.#waiting.splice(0);
    this.#dirty = false;
    const changed = this.#changed;
    this.#changed = new Set();
    this.#passing = true;
    let problem: SluiceErrorJson | null = null;
    let revision: string | null = null;
    try {
      await checkout.update(signal);
      revision = await this.#apply(changed);
      for (const tell of waiting) tell(null);
    } catch (error) {
      this.#changed = null;
      const known =
        error instanceof SluiceError ? error : new SluiceError('reconcile/failed', 'terminal', messageOf(error));
      for (const tell of waiting) tell(known);
      if (known.code === 'store/unreachable' || known.code === 'plan/stale') {
        this.#dirty = true;
        throw known;
      }
      problem = known.toJSON();
      log.error({ code: known.code }, known.message);
    } finally {
      this.#passing = false;
    }
    await store.nodes.reconciled(key, owner, {
      revision,
      problem: problem && { ...problem, where: { ...problem.where } },
    });
  }

  /** Gives the revision that is applied now. `changed`: the only files that differ from the last pass; null: any may. */
  async #apply(changed: ReadonlySet<string> | null): Promise<string | null> {
    const { store, key, target, vars, checkout, force, log } = this.#means;
    const { folder } = checkout;
    const last = this.#known ? { previous: this.#known.loaded, ...(changed ? { changed } : {}) } : {};
    const loaded = await loadProject({ from: folder, project: folder, dotenv: false, ...last });
    const desired = desiredOf(loaded, target ?? undefined, vars);
    if (desired.project !== key.project) throw renamed(key.project, desired.project);
    const { revision, author } = await checkout.revision();
    if (!force) await requireDescent(store, key, checkout.folder, revision);
    const actual = await store.actual(key, this.#known?.actual);
    const plan = diff(desired, actual, await this.#means.clock());
    const jobs = applied(desired, actual);
    const problems = problemsOf(jobs, plan.problems);
    const version = await store.applyPlan({ plan, jobs, before: actual.jobs, problems, gitRevision: revision, author });
    this.#known = { loaded, actual: { version, jobs, limits: plan.limits } };
    const told = JSON.stringify(plan.problems);
    if (told !== this.#told) for (const { file, message } of plan.problems) log.warn({ file }, message);
    this.#told = told;
    if (isEmpty(plan)) return revision;
    const kept = new Set(jobs.flatMap(({ name, renamed_from }) => [name, ...renamed_from]));
    for (const job of actual.jobs) if (!kept.has(job.name)) void this.#means.deleted(job);
    const differing = plan.changes.filter(({ action }) => action !== 'none');
    log.info({ version, revision, changes: differing.map(({ action, address }) => `${action} ${address}`) }, 'applied');
    return revision;
  }
}

function renamed(before: string, now: string): SluiceError {
  const message = `sluice.yaml names the project ${now} now; this daemon serves ${before}`;
  return new SluiceError('reconcile/project', 'config', message, {
    hint: 'Start the daemon anew to serve the other project, or take the name back.',
  });
}

function elsewhere(): SluiceError {
  return new SluiceError('reconcile/elsewhere', 'transient', 'Another daemon follows a checkout of this project', {
    hint: '`sluice list` of that checkout, or GET /nodes, says which. Change the files there.',
  });
}

function stopped(): SluiceError {
  return new SluiceError('run/cancelled', 'terminal', 'The daemon is ending');
}
