import { appendFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { FormatReader, KeptForm, LocalFile, SourceSession, Split } from '../model/component.ts';
import { SluiceError } from '../model/error.ts';
import type { ComponentUse } from '../model/job.ts';
import type { QuarantinedRow } from '../model/quarantine.ts';
import * as registry from '../registry.ts';
import { plainFile, sourceSplit, splitsOf } from './archives.ts';
import { pick } from './components.ts';
import { formatOf } from './format-of.ts';
import type { EpochPorts, StreamRun } from './ports.ts';

/** More files than this are not made where rows can share one: these rows have no number then. */
const MOST_ALONE = 2_000;

/** Writes rows that were set aside as text into files of the stream's format as it is now, and says how these are read. */
export class TextFiles {
  readonly #run: StreamRun;
  readonly #folder: string;
  readonly #sources: SourceFiles;
  readonly #forms = new Map<string | null, { form: KeptForm; type: string; shared: number | null }>();
  readonly #splits: Split[] = [];

  constructor(run: StreamRun, folder: string, log: EpochPorts['log']) {
    this.#run = run;
    this.#folder = folder;
    this.#sources = new SourceFiles(run, join(folder, 'sources'), log);
  }

  /** Throws `quarantine/unreadable` where the format parses no texts, and as `FormatReader.again` does. */
  async write(rows: readonly QuarantinedRow[]): Promise<void> {
    const texts = new Map<number, string>();
    for (const { path, row_number, row } of rows) {
      if (row === null) continue;
      const known = this.#forms.get(path) ?? (await this.#form(path));
      this.#forms.set(path, known);
      const { form } = known;
      const alone = form.alone(row) || this.#splits.length < MOST_ALONE;
      const file = (alone ? null : known.shared) ?? this.#add(path, alone ? row_number : null);
      if (!alone) known.shared = file;
      const text = form.write(row);
      const split = this.#splits[file]!;
      const before = texts.get(file) ?? (split.bytes === 0 ? form.head : '');
      texts.set(file, before + text);
      split.bytes = (split.bytes ?? 0) + text.length;
    }
    for (const [file, text] of texts) await appendFile(String(this.#splits[file]?.detail.full), text);
  }

  /** The files as splits of a local source, each under the name of the file that its rows come from. */
  get splits(): Split[] {
    return this.#splits;
  }

  /** How the files are read. Throws `quarantine/layout` where one way does not fit all. */
  get format(): ComponentUse {
    const [first, ...others] = [...this.#forms.values()].map(({ form, type }) => ({ type, settings: form.settings }));
    if (!first) throw new Error('no text was written');
    if (others.some((one) => JSON.stringify(one) !== JSON.stringify(first))) {
      const message = 'The files that the rows come from are written in different ways';
      const hint = 'Say how under `format`, such as `delimiter`, and replay them again.';
      throw new SluiceError('quarantine/layout', 'config', message, { where: { stream: this.#run.stream.name }, hint });
    }
    return { ...first, connection: null };
  }

  async close(): Promise<void> {
    await this.#sources.close();
  }

  #add(path: string | null, row: number | null): number {
    const ordinal = this.#splits.length;
    const file = { path: path ?? '', size: 0, modified_at: null, etag: null };
    return (
      this.#splits.push({ ordinal, bytes: 0, file, detail: { full: join(this.#folder, `${ordinal}.txt`) }, row }) - 1
    );
  }

  async #form(path: string | null): Promise<{ form: KeptForm; type: string; shared: null }> {
    const { stream } = this.#run;
    const name: LocalFile = { path: '', name: path ?? '', size: 0, modified_at: null, ordinal: 0 };
    const { type, settings } = formatOf(stream, [name]);
    const reader: FormatReader = await pick(registry.formats, 'format', type);
    if (!reader.again)
      throw new SluiceError('quarantine/unreadable', 'config', `Rows of ${type} cannot be parsed again`);
    return { form: await reader.again(settings, () => this.#sources.find(path)), type, shared: null };
  }
}

/** The stream's files at its source, asked for when the first one is wanted. */
class SourceFiles {
  readonly #run: StreamRun;
  readonly #folder: string;
  readonly #log: EpochPorts['log'];
  #session: SourceSession | null = null;
  #splits: Map<string, Split> | null = null;

  constructor(run: StreamRun, folder: string, log: EpochPorts['log']) {
    this.#run = run;
    this.#folder = folder;
    this.#log = log;
  }

  /** A file as its format reads it; null where it is not there any more. */
  async find(path: string | null): Promise<LocalFile | null> {
    if (path === null) return null;
    const { stream, signal } = this.#run;
    this.#session ??= await this.#connect();
    this.#splits ??= await this.#list(this.#session);
    const split = this.#splits.get(path);
    if (!split) return null;
    const file = await this.#session.fetch(sourceSplit(split), this.#folder);
    return plainFile(split, file, stream.source.settings.compression, this.#folder, signal);
  }

  async close(): Promise<void> {
    await this.#session?.close();
  }

  async #connect(): Promise<SourceSession> {
    const { stream, projectDir, signal } = this.#run;
    const source = await pick(registry.sources, 'source', stream.source.type);
    await mkdir(this.#folder, { recursive: true });
    return source.connect({
      projectDir,
      settings: stream.source.settings,
      format: stream.format,
      signal,
      log: this.#log,
    });
  }

  async #list(session: SourceSession): Promise<Map<string, Split>> {
    const { incremental, source } = this.#run.stream;
    const found = new Map<string, Split>();
    const request = { checkpoint: null, known: new Map(), incremental, spool: this.#folder };
    for await (const split of splitsOf({ session, settings: source.settings }, request)) {
      if (split.file) found.set(split.file.path, { ...split, ordinal: found.size });
    }
    return found;
  }
}
