import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type ActualSet,
  applied,
  type DesiredSet,
  destructiveEffects,
  diff,
  isEmpty,
  type Plan,
  type Scope,
  SluiceError,
  targetScope,
} from '@sluice/core';
import { desiredOf } from '../repo/desired.ts';
import { type LoadedProject, type LoadOptions, loadProject } from '../repo/load.ts';
import { problemsOf } from '../repo/problems.ts';
import { revisionOf } from '../repo/revision.ts';
import type { Store } from '../store/store.ts';
import { Turns } from './answers.ts';
import { type ApiSettings, settingsOf } from './settings.ts';

/** A checkout as it is now, in the target that is served. */
export interface TargetProject extends LoadedProject {
  scope: Scope;
  target: string | undefined;
  vars: Record<string, string>;
}

/** What is asked for beside what is applied. */
export interface Difference {
  project: TargetProject;
  desired: DesiredSet;
  actual: ActualSet;
  plan: Plan;
}

export interface DoorOptions {
  /** Folder of the checkout. */
  dir: string;
  /** null: the project's only one. */
  target: string | null;
  vars?: Record<string, string>;
  store: Store;
  stateStore: string | null;
  /** false: `.env` is not read, as a daemon does not. */
  dotenv?: boolean;
  /** Why nobody may write here, such as a checkout of a git revision; left out: it is a working tree. */
  readOnly?: string;
  /** Makes what is applied equal to the files, of which these were just written (null: any may be); left out: it is done here, at once. */
  reconcile?: (files: ReadonlySet<string> | null) => Promise<void>;
  /** The files as they are now, where somebody keeps them anyway; null, or left out: they are read. */
  kept?: () => Promise<LoadedProject | null>;
  /** Looks for a newer revision now; left out: there is no remote. */
  fetch?: () => Promise<void>;
}

/** The checkout that the daemon serves: its files, what is applied of them, and its settings of the API. */
export class ProjectDoor {
  readonly dir: string;
  readonly name: string;
  /** Name of the target, `default` where the project has none. */
  readonly target: string;
  readonly stateStore: string | null;
  readonly #options: DoorOptions;
  #loaded: TargetProject | null = null;
  #settings: { stamp: string; value: ApiSettings } | null = null;
  readonly #looks = new Turns<ApiSettings>();
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(options: DoorOptions, { dir, name, target }: { dir: string; name: string; target: string }) {
    this.#options = options;
    this.dir = dir;
    this.name = name;
    this.target = target;
    this.stateStore = options.stateStore;
  }

  /** Throws `project/unreadable`, `config/target`, `config/variable`. */
  static async open(options: DoorOptions): Promise<ProjectDoor> {
    const loaded = await loadTarget(options, { configOnly: true });
    const target = loaded.scope.target ?? 'default';
    return new ProjectDoor(options, { dir: loaded.dir, name: loaded.project.name, target });
  }

  /** As `--target` says; null: the project has no targets. */
  get namedTarget(): string | null {
    return this.#options.target;
  }

  get vars(): Record<string, string> {
    return this.#options.vars ?? {};
  }

  get key(): { project: string; target: string } {
    return { project: this.name, target: this.target };
  }

  /** The files as they are now; those that did not change since the last time are not parsed again. */
  async load(): Promise<TargetProject> {
    const kept = await this.#options.kept?.();
    if (kept) {
      this.#loaded = null;
      return inTarget(this.#options, kept);
    }
    this.#loaded = await loadTarget(this.#options, this.#loaded ? { previous: this.#loaded } : {});
    return this.#loaded;
  }

  /** `access` and `api` of sluice.yaml, read again when the file changes. */
  settings(): Promise<ApiSettings> {
    return this.#looks.get('', () => this.#readSettings());
  }

  async #readSettings(): Promise<ApiSettings> {
    const found = await stat(join(this.dir, 'sluice.yaml')).catch(() => null);
    const stamp = found ? `${found.mtimeMs}/${found.size}/${found.ino}` : 'none';
    if (this.#settings?.stamp !== stamp) this.#settings = { stamp, value: settingsOf(await this.config()) };
    return this.#settings.value;
  }

  /** sluice.yaml and the environment alone. */
  config(): Promise<TargetProject> {
    return loadTarget(this.#options, { configOnly: true });
  }

  /** Why the API changes no file here; null: it may. */
  async readOnly(): Promise<string | null> {
    if (this.#options.readOnly !== undefined) return this.#options.readOnly;
    return (await this.settings()).writes ? null : '`api.writes` of sluice.yaml is off';
  }

  async difference(): Promise<Difference> {
    const project = await this.load();
    const desired = desiredOf(project, project.target, project.vars);
    const actual = await this.#options.store.actual(desired);
    return { project, desired, actual, plan: diff(desired, actual, Date.now()) };
  }

  /** Applies a difference and gives the version from then on. Throws `plan/stale`, `plan/destructive`. */
  async apply({ desired, actual, plan }: Difference, by: string, allowDestructive: boolean): Promise<number> {
    const lost = allowDestructive ? [] : destructiveEffects(plan);
    if (lost.length > 0) {
      const list = lost.map(({ address, message }) => `${address}: ${message}`).join('; ');
      throw new SluiceError('plan/destructive', 'config', `The plan would lose what cannot be brought back: ${list}`, {
        hint: 'Nothing was applied. If that is meant, send "allow_destructive": true.',
      });
    }
    const jobs = applied(desired, actual);
    const { revision } = await revisionOf(this.dir);
    const problems = problemsOf(jobs, plan.problems);
    return this.#options.store.applyPlan({
      ...{ plan, jobs, before: actual.jobs, problems },
      ...{ gitRevision: revision, author: by },
    });
  }

  /** Makes what is applied equal to the files, after the API has written this one; left out: whichever were. */
  async reconcile(by: string, file?: string): Promise<void> {
    if (this.#options.reconcile) return this.#options.reconcile(file === undefined ? null : new Set([file]));
    const difference = await this.difference();
    if (!isEmpty(difference.plan) || difference.plan.problems.length > 0) await this.apply(difference, by, true);
  }

  /** Whether there was a remote to look at. */
  async fetch(): Promise<boolean> {
    await this.#options.fetch?.();
    return this.#options.fetch !== undefined;
  }

  /** One change of files at a time. */
  writing<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#writing.then(work);
    this.#writing = mine.catch(() => undefined);
    return mine;
  }
}

async function loadTarget(
  options: DoorOptions,
  how: Pick<LoadOptions, 'configOnly' | 'previous'>,
): Promise<TargetProject> {
  const { dir, dotenv = true } = options;
  return inTarget(options, await loadProject({ from: dir, project: dir, dotenv, ...how }));
}

function inTarget({ target, vars = {} }: DoorOptions, loaded: LoadedProject): TargetProject {
  const wanted = target === null ? { vars } : { target, vars };
  return { ...loaded, scope: targetScope(loaded.project, wanted), target: target ?? undefined, vars };
}
