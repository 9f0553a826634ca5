import { askSluice, faultText, findSluice } from '../sluice-command.ts';

/** A run as the state store keeps it: what is shown of it. */
export interface StoredRun {
  id: string;
  state: string;
  kind: string;
  created_at: string;
  counts: { rows_written: number } | null;
  error: { code: string; message: string } | null;
}

interface Known {
  stored: StoredRun[];
  /** Why there is nothing; null: there is. */
  note: string | null;
}

/** Earlier runs of jobs, asked of the program when they are first looked at. */
export class History {
  readonly #known = new Map<string, Promise<Known>>();

  of(dir: string, job: string | null): Promise<Known> {
    const key = `${dir}\0${job}`;
    const known = this.#known.get(key) ?? ask(dir, job);
    this.#known.set(key, known);
    return known;
  }

  forget(dir: string, job: string): void {
    this.#known.delete(`${dir}\0${job}`);
  }

  clear(): void {
    this.#known.clear();
  }
}

async function ask(dir: string, job: string | null): Promise<Known> {
  const program = findSluice(dir);
  if (!program || job === null) return { stored: [], note: 'Earlier runs are not known: no `sluice` program' };
  const { value, stderr } = await askSluice<{ runs: StoredRun[] }>(program, ['state', 'show', job, '--quiet'], dir);
  if (!value) return { stored: [], note: faultText(stderr).line };
  return { stored: value.runs, note: value.runs.length === 0 ? 'no run yet' : null };
}
