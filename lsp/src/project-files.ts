import { join } from 'node:path';
import {
  type ColumnRecord,
  createProject,
  type Document,
  globMatcher,
  jobPatterns,
  type LanguageContext,
  type LanguageHost,
  type Project,
  parseDocument,
  type RecordKeys,
  type RunInfo,
  reparse,
  type Scope,
} from '@sluice/core';
import { COLUMNS_FOLDER, CONFIG, listFolder, listJobs, readRecord, readRecords, readText, readTexts } from './disk.ts';
import { inFolder } from './paths.ts';

/** Files that are read, or looked at, before others get a turn. */
const BATCH = 32;

const pause = (): Promise<void> => new Promise((done) => setImmediate(done));

/** A reading of a text that is more characters behind may lack what matters. */
const MOST_AHEAD = 200;

interface OpenText {
  text: string;
  /** Read when it is first asked for. */
  document: Document | null;
  /** The last text that was read. */
  earlier: Document | null;
}

/**
 * A project as the editor sees it: the files on disk, and over them the texts that are open. Files are named as everywhere,
 * relative to the folder.
 */
export class ProjectFiles {
  readonly dir: string;
  /** A job file without a sluice.yaml above it: a project of its own. */
  readonly lone: boolean;
  runs: ReadonlyMap<string, RunInfo> = new Map();
  #config: Document | null = null;
  readonly #disk = new Map<string, Document>();
  readonly #open = new Map<string, OpenText>();
  /** Counts what changed: answers of an earlier number may be out of date. */
  revision = 0;
  #matches: (file: string) => boolean = () => false;
  #patterns: readonly string[] = [];
  #records = new Map<string, ColumnRecord>();
  #project: Project | null = null;
  /** The last project of which nothing but texts of open jobs differs from now. */
  #lately: Project | null = null;
  /** Job files by name, sorted, as they were when they were last put together; null once there are others. */
  #jobs: { files: readonly string[]; documents: readonly Document[] } | null = null;
  #host: LanguageHost | null = null;
  #listed = false;
  /** The scope in which every job was looked at. */
  #analysed: Scope | null = null;
  #onWhole: () => void = () => {};
  /** Ends when every job file is known. */
  whole: Promise<void> = Promise.resolve();

  constructor(dir: string, lone: boolean) {
    this.dir = dir;
    this.lone = lone;
  }

  /** Reads sluice.yaml; the job files follow in the background. `onWhole`: called whenever all of them are known. */
  async load(onWhole: () => void): Promise<void> {
    this.#onWhole = onWhole;
    const text = this.lone ? null : await readText(join(this.dir, CONFIG));
    this.#config = text === null ? null : parseDocument(text, CONFIG);
    if (!this.lone) {
      this.#follow();
    }
    this.#records = await readRecords(this.dir);
    this.#changed();
    this.whole = this.lone ? Promise.resolve() : this.#readAll();
  }

  /** A few files at a time, so that what is asked meanwhile is answered between them. */
  async #readAll(): Promise<void> {
    const files = await listJobs(this.dir, this.#patterns);
    for (let at = 0; at < files.length; at += BATCH) {
      const texts = await readTexts(this.dir, files.slice(at, at + BATCH));
      for (const [file, job] of texts) {
        if (!this.#disk.has(file)) this.#disk.set(file, parseDocument(job, file));
        this.#jobs = null;
        await pause();
      }
    }
    this.#listed = true;
    this.#changed();
    await this.#analyse();
  }

  /** Looks at every job in the scope of now: where sluice.yaml has changed meanwhile, anew. */
  async #analyse(): Promise<void> {
    for (;;) {
      const { project } = this;
      const scope = project.scope();
      if (this.#analysed === scope) return;
      let i = 0;
      for (const document of project.files.jobs) {
        project.analyse(document, scope);
        if (++i % 4 === 0) await pause();
        if (this.project.scope() !== scope) break;
      }
      if (this.project.scope() !== scope) continue;
      this.#analysed = scope;
      this.#changed();
      this.#onWhole();
      return;
    }
  }

  /** Takes over the patterns of sluice.yaml; true where they are others than before. */
  #follow(): boolean {
    const config = this.document(CONFIG);
    const patterns = config ? jobPatterns(config) : [];
    const same =
      patterns.length === this.#patterns.length && patterns.every((pattern, i) => pattern === this.#patterns[i]);
    if (same) return false;
    this.#patterns = patterns;
    this.#matches = globMatcher(patterns);
    return true;
  }

  /** Whether a file is one of the project's: sluice.yaml, or a job file by its patterns. */
  owns(file: string): boolean {
    return this.lone || file === CONFIG || this.#matches(file);
  }

  /** Lays an open text over the file. */
  open(file: string, text: string): void {
    const open = this.#open.get(file);
    const earlier = open ? (open.document ?? open.earlier) : (this.#disk.get(file) ?? null);
    this.#open.set(file, { text, document: null, earlier });
    if (open && file !== CONFIG) {
      this.#lately = this.#project ?? this.#lately;
      this.#project = null;
      this.revision++;
      return;
    }
    if (file === CONFIG && this.#follow()) void this.#relist();
    this.#changed();
  }

  close(file: string): void {
    this.#open.delete(file);
    this.#changed();
  }

  isOpen(file: string): boolean {
    return this.#open.has(file);
  }

  /** Reads a file again that was changed, made or removed on disk. True where anything that is shown may differ. */
  async refresh(file: string): Promise<boolean> {
    if (file.startsWith(`${COLUMNS_FOLDER}/`)) return await this.#refreshRecord(file.slice(COLUMNS_FOLDER.length + 1));
    if (!this.owns(file)) return false;
    const text = await readText(join(this.dir, file));
    const document = text === null ? null : parseDocument(text, file);
    if (file === CONFIG) {
      this.#config = document;
      if (this.#follow()) await this.#relist();
    } else if (document) this.#disk.set(file, document);
    else this.#disk.delete(file);
    this.#changed();
    return true;
  }

  async #refreshRecord(name: string): Promise<boolean> {
    if (!name.endsWith('.json')) return false;
    const key = name.slice(0, -'.json'.length);
    const record = await readRecord(join(this.dir, COLUMNS_FOLDER, name));
    if (record) this.#records.set(key, record);
    else this.#records.delete(key);
    this.revision++;
    return true;
  }

  /** A record that was just made. */
  addRecord(key: string, record: ColumnRecord): void {
    this.#records.set(key, record);
    this.revision++;
  }

  async #relist(): Promise<void> {
    const files = new Set(await listJobs(this.dir, this.#patterns));
    for (const file of this.#disk.keys()) if (!files.has(file)) this.#disk.delete(file);
    const added = [...files].filter((file) => !this.#disk.has(file));
    for (const [file, text] of await readTexts(this.dir, added)) this.#disk.set(file, parseDocument(text, file));
    this.#changed();
  }

  #changed(): void {
    this.revision++;
    this.#project = null;
    this.#lately = null;
    this.#jobs = null;
  }

  /** The project of now. The same object as long as nothing changes, so that answers can be remembered by it. */
  get project(): Project {
    if (!this.#project) {
      const config = this.document(CONFIG);
      const jobs = this.#jobDocuments();
      const made = createProject({ config: this.lone ? null : config, jobs, partial: true });
      const isWhole = this.lone || (this.#listed && this.#analysed === made.scope());
      this.#project = isWhole ? createProject({ ...made.files, partial: false }) : made;
      if (this.#listed && !isWhole) this.whole = this.whole.then(() => this.#analyse());
    }
    return this.#project;
  }

  /** The job files in the order of their names; what most edits change is one of them. */
  #jobDocuments(): readonly Document[] {
    if (!this.#jobs) {
      const names = new Set([...this.#disk.keys(), ...this.#open.keys()]);
      const files = [...names].filter((file) => file !== CONFIG && this.owns(file)).sort();
      this.#jobs = { files, documents: files.map((file) => this.document(file)!) };
      return this.#jobs.documents;
    }
    const { files } = this.#jobs;
    const documents = [...this.#jobs.documents];
    for (const file of this.#open.keys()) {
      const at = files.indexOf(file);
      if (at >= 0) documents[at] = this.document(file)!;
    }
    this.#jobs = { files, documents };
    return documents;
  }

  /** A file of the project, as it is open or else on disk. */
  document(file: string): Document | null {
    const open = this.#open.get(file);
    if (!open) return file === CONFIG ? this.#config : (this.#disk.get(file) ?? null);
    // Several edits may have come since anybody asked: only the last text is read.
    open.document ??= open.earlier ? reparse(open.earlier, open.text) : parseDocument(open.text, file);
    return open.document;
  }

  /**
   * What completion needs of a file: its text of now, and the last reading of it where that is near, so that nobody who types waits
   * until all of it is read and looked through.
   */
  typed(file: string): { context: LanguageContext; owner: { text: string } } | null {
    const open = this.#open.get(file);
    const known = open?.document ? null : open?.earlier;
    const isNear = known && Math.abs(known.text.length - open!.text.length) <= MOST_AHEAD;
    const project = this.#project ?? this.#lately;
    if (open && isNear && project && file !== CONFIG)
      return { context: { document: known, project, scope: project.scope(), host: this.host }, owner: open };
    const document = this.document(file);
    return document && { context: this.context(document), owner: document };
  }

  openFiles(): string[] {
    return [...this.#open.keys()];
  }

  context(document: Document): LanguageContext {
    const { project } = this;
    return { document, project, scope: project.scope(), host: this.host };
  }

  get host(): LanguageHost {
    this.#host ??= {
      now: () => Date.now(),
      columns: (keys) => this.#record(keys),
      lately: (job) => this.#newest((_, record) => record.job === job),
      runs: (job) => this.runs.get(job) ?? null,
      list: async (folder) => await listFolder(inFolder(this.dir, folder)),
    };
    return this.#host;
  }

  /** The exact record, else the newest one of the same source. */
  #record(keys: RecordKeys): ColumnRecord | null {
    // Names are hashes, which cost something to make.
    if (this.#records.size === 0) return null;
    const { exact, source } = keys;
    const found = this.#records.get(exact);
    if (found) return found;
    return this.#newest((key) => key.startsWith(`${source}-`));
  }

  #newest(fits: (key: string, record: ColumnRecord) => boolean): ColumnRecord | null {
    let newest: ColumnRecord | null = null;
    for (const [key, record] of this.#records)
      if (fits(key, record) && (!newest || record.at > newest.at)) newest = record;
    return newest;
  }
}
