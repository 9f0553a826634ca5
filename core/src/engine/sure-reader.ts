import type { Engine, FormatReader, LocalFile, Scan, Sniffed } from '../model/component.ts';
import type { JsonObject } from '../model/json.ts';

const SURE = async () => true;

/**
 * A format's reader that remembers which of its scans still have to be confirmed. A format may read a file in the quick way
 * while it finds out whether that way is right; nothing of such a reading counts before it is sure.
 */
export class SureReader implements FormatReader {
  readonly #format: FormatReader;
  readonly #open: { confirm: NonNullable<Scan['confirm']>; rows: number | null }[] = [];
  /** Once a reading was wrong no later answer makes it right: files that were looked at since only say how to read them anew. */
  #wrong = false;

  constructor(format: FormatReader) {
    this.#format = format;
  }

  sniff(files: readonly LocalFile[], settings: JsonObject, engine: Engine): Promise<Sniffed> {
    return this.#format.sniff(files, settings, engine);
  }

  async scan(...args: Parameters<FormatReader['scan']>): Promise<Scan> {
    const [files, sniffed, settings, engine, options] = args;
    const scan = await this.#format.scan(files, sniffed, settings, engine, { ...options, confirmed: true });
    this.#open.push({ confirm: scan.confirm ?? SURE, rows: null });
    return scan;
  }

  explain(error: Error, files: readonly LocalFile[], sniffed: Sniffed): Promise<Error | null> {
    return this.#format.explain(error, files, sniffed);
  }

  /** So many rows came out of the last scan, where a task reads its files by several. */
  counted(rows: number): void {
    const last = this.#open.at(-1);
    if (last) last.rows = rows;
  }

  /** Whether what was scanned was read right; `rows` came out of what was not counted by itself, null where the query failed. */
  async sure(rows: number | null): Promise<boolean> {
    const answers = await Promise.all(this.#open.map((scan) => scan.confirm(scan.rows ?? rows)));
    if (!answers.every(Boolean)) this.#wrong = true;
    return !this.#wrong;
  }

  /** Throws where it was not: the task then reads anew. */
  async requireSure(rows: number): Promise<void> {
    if (!(await this.sure(rows))) throw new Error('the quick reading was not right');
  }
}
