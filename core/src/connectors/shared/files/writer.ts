import type { DestinationContext, EpochCommit, FormatWriter, ReadyRows } from '../../../model/component.ts';
import { SluiceError } from '../../../model/error.ts';
import type { Column } from '../../../model/type.ts';
import { parseSize } from '../../../model/units.ts';
import { checkNames } from '../ddl.ts';
import { type Layout, type Staged, type Writers, writeFiles } from './stage.ts';

/** The formats' writers by type, as the registry has them. */
export type WriterMap = Readonly<Record<string, { load: () => Promise<FormatWriter> }>>;

/** Writes rows as files, as a destination's settings want them. */
export class FileWriter {
  readonly format: string;
  readonly #ctx: DestinationContext;
  readonly #writers: WriterMap;

  constructor(ctx: DestinationContext, writers: WriterMap) {
    this.#ctx = ctx;
    this.#writers = writers;
    this.format = String(ctx.use.settings.format ?? 'parquet');
  }

  /** Writes a task's rows, and those set aside, below a folder that its engine may write to. */
  async write(rows: ReadyRows, columns: readonly Column[], folder: string, name: string): Promise<Staged> {
    this.check(columns);
    const writers: Writers = { data: await this.of(this.format), aside: await this.of('json') };
    const { key, runId } = this.#ctx;
    return writeFiles(rows, columns, { folder, name, layout: this.#layout(), writers, key, runId });
  }

  async of(format: string): Promise<FormatWriter> {
    const entry = this.#writers[format];
    if (!entry) throw new SluiceError('component/unknown', 'config', `Files cannot be written as ${format}.`);
    return entry.load();
  }

  #layout(): Layout {
    const { partition_by: by, target_file_size: size } = this.#ctx.use.settings;
    const partitionBy = Array.isArray(by) ? by.map(String) : [];
    return { partitionBy, fileSize: typeof size === 'string' && partitionBy.length === 0 ? parseSize(size) : null };
  }

  /** Throws where columns cannot be told apart in a file, or the one to partition by is missing. */
  check(columns: readonly Column[]): void {
    checkNames(
      columns.map((c) => ({ kind: 'column', name: c.name })),
      { bytes: null, fold: (name) => name.toLowerCase() },
    );
    const names = new Set(columns.map((c) => c.name));
    const missing = this.#layout().partitionBy.find((name) => !names.has(name));
    if (missing === undefined) return;
    throw new SluiceError('destination/partition', 'config', `The rows have no column "${missing}" to partition by.`, {
      where: { column: missing },
      hint: `Name columns as they are after the transforms: ${[...names].join(', ')}.`,
    });
  }

  /** Throws where the files that are there have another format. `append`: they cannot be replaced. */
  requireFormat(there: string | null, place: string, append = false): void {
    if (there === null || there === this.format) return;
    throw new SluiceError(
      'destination/format-changed',
      'config',
      `${place} holds files of the format ${there}; the job writes ${this.format}.`,
      {
        hint: append
          ? 'Give `path` another folder.'
          : 'Give `path` another folder, or load everything anew with --full-refresh.',
      },
    );
  }
}

/** Throws where rows are to take the place of others: these files are only ever added to. */
export function requireAppend({ disposition, window }: Pick<EpochCommit, 'disposition' | 'window'>): void {
  if (disposition === 'append' && window === undefined) return;
  throw new SluiceError(
    'destination/append-only',
    'config',
    'Files of this destination are only added to: they cannot be replaced, so that they cannot be loaded anew either.',
    { hint: 'Give `path` another folder for a full load, or write into delta or a table.' },
  );
}
