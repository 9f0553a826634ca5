import { type Document, readable, recordKeys, stepsHash, textIn } from '@sluice/core';
import { sources } from '@sluice/core/specs';
import { type ColumnsAnswer, ColumnsWorker } from './columns-worker.ts';
import { findingsOf } from './findings.ts';
import type { ProjectFiles } from './project-files.ts';
import type { OpenFile } from './workspace.ts';

/** Whether sources that lie on no disk of this machine are read without a command: asked first, when a file is opened, or never. */
export type RemoteColumns = 'ask' | 'onOpen' | 'never' | 'command';

/** Asks the person at the editor whether columns may be read; false where no answer came. */
export type Asks = (message: string) => Promise<boolean>;

/** Program and arguments of the worker for a project's folder; null: there is none. */
export type WorkerCommand = (dir: string) => Promise<readonly string[] | null>;

/** After the last edit of a file, before its source is looked at. */
const QUIET_MS = 400;
/** The same for sources elsewhere: whoever types an address is not asked about half of it. */
const REMOTE_QUIET_MS = 2000;

interface Wanted {
  stream: string;
  type: string;
  remote: boolean;
  key: string;
}

/** Keeps the records of columns of open files fresh, as far as the client allows it. */
export class ColumnsReader {
  readonly #command: WorkerCommand;
  readonly #found: (files: ProjectFiles) => void;
  readonly #remote: RemoteColumns;
  readonly #asks: Asks;
  readonly #workers = new Map<string, ColumnsWorker>();
  readonly #timers = new Map<string, NodeJS.Timeout[]>();
  readonly #running = new Map<string, { cancel(): void; remote: boolean }>();
  /** What was asked already, so that a source that cannot be read is not tried at every edit. */
  readonly #tried = new Set<string>();
  /** Files about which a question is open. */
  readonly #asking = new Set<string>();

  /** `found`: called when a project has a new record. */
  constructor(
    command: WorkerCommand,
    { found, remote, asks }: { found: (files: ProjectFiles) => void; remote: RemoteColumns; asks: Asks },
  ) {
    this.#command = command;
    this.#found = found;
    this.#remote = remote;
    this.#asks = asks;
  }

  /** A file was opened or edited: its sources are looked at once it rests, those elsewhere as the client allows it. */
  touched(opened: OpenFile): void {
    this.closed(opened.uri);
    const timers = [
      setTimeout(() => void this.#look(opened, false), QUIET_MS),
      ...(this.#asksRemote ? [setTimeout(() => void this.#look(opened, true), REMOTE_QUIET_MS)] : []),
    ];
    for (const timer of timers) timer.unref();
    this.#timers.set(opened.uri, timers);
  }

  closed(uri: string): void {
    for (const timer of this.#timers.get(uri) ?? []) clearTimeout(timer);
    this.#timers.delete(uri);
  }

  get #asksRemote(): boolean {
    return this.#remote === 'ask' || this.#remote === 'onOpen';
  }

  async #look(opened: OpenFile, remote: boolean): Promise<void> {
    for (const wanted of this.#wanted(opened)) {
      const key = `${opened.files.dir} ${wanted.key}`;
      if (wanted.remote !== remote || this.#tried.has(key) || !(await this.#worker(opened.files.dir))) continue;
      this.#tried.add(key);
      if (remote && !(await this.#mayRead(opened, wanted))) continue;
      await this.#ask(opened, wanted.stream, remote);
    }
  }

  /** One question at a time for a file: what became of its address meanwhile is looked at once that is answered. */
  async #mayRead(opened: OpenFile, { stream, type, key }: Wanted): Promise<boolean> {
    if (this.#remote === 'onOpen') return true;
    if (this.#asking.has(opened.uri)) {
      this.#tried.delete(`${opened.files.dir} ${key}`);
      return false;
    }
    this.#asking.add(opened.uri);
    try {
      return await this.#asks(`Read the columns of ${stream} from its ${type} source?`);
    } finally {
      this.#asking.delete(opened.uri);
      this.touched(opened);
    }
  }

  /** The worker of a project, by the program that its folder has. */
  async #worker(dir: string): Promise<ColumnsWorker | null> {
    const command = this.#workers.has(dir) ? null : await this.#command(dir);
    const worker = this.#workers.get(dir) ?? (command && new ColumnsWorker(command, dir));
    if (worker) this.#workers.set(dir, worker);
    return worker;
  }

  /**
   * Streams of a file whose source has no record, or none of these steps. One elsewhere is wanted once for each address: its steps
   * are bound when it is read.
   */
  #wanted({ files, file }: OpenFile): Wanted[] {
    const document = files.document(file);
    if (!document) return [];
    const { project, host } = files;
    const scope = project.scope();
    return project.view(readable(document), scope).streams.flatMap(({ name, node }): Wanted[] => {
      const spec = sources[textIn(node, 'source', 'type') ?? ''];
      if (!spec) return [];
      const type = textIn(node, 'source', 'type') ?? '';
      const keys = recordKeys(node, scope);
      const known = host.columns?.(keys);
      if (spec.capabilities.placement !== 'node') {
        const isWanted = !known && this.#asksRemote && isWhole(document, files);
        return isWanted ? [{ stream: name, type, remote: true, key: keys.source }] : [];
      }
      if (textIn(node, 'source', 'path') === undefined) return [];
      const steps = stepsHash(node);
      const key = `${keys.exact} ${steps}`;
      return known?.steps_hash === steps ? [] : [{ stream: name, type, remote: false, key }];
    });
  }

  /** Reads the columns of every stream of a file now, wherever its sources lie. null: there is no program that could. */
  async read(opened: OpenFile): Promise<ColumnsAnswer[] | null> {
    const document = opened.files.document(opened.file);
    if (!document) return [];
    if (!(await this.#worker(opened.files.dir))) return null;
    const { streams } = opened.files.project.view(readable(document));
    const answers: ColumnsAnswer[] = [];
    for (const { name } of streams) answers.push(await this.#ask(opened, name, this.#remote !== 'never'));
    return answers;
  }

  async #ask({ uri, files, file }: OpenFile, stream: string, remote: boolean): Promise<ColumnsAnswer> {
    const text = files.document(file)?.text ?? '';
    const worker = await this.#worker(files.dir);
    if (!worker) return { error: { code: 'columns/ended', message: 'There is no program that reads columns' } };
    const key = `${uri} ${stream}`;
    // A newer text of the same stream makes the older question pointless, but what somebody asked for is answered.
    const earlier = this.#running.get(key);
    if (remote || earlier?.remote !== true) earlier?.cancel();
    const question = worker.ask({ file, text, stream, remote });
    const own = { cancel: question.cancel, remote };
    this.#running.set(key, own);
    const given = await question.answer;
    if (this.#running.get(key) === own) this.#running.delete(key);
    if (given.result) {
      files.addRecord(given.result.keys.exact, given.result.record);
      this.#found(files);
    }
    return given;
  }

  stop(): void {
    for (const uri of [...this.#timers.keys()]) this.closed(uri);
    for (const worker of this.#workers.values()) worker.stop();
  }
}

/** Whether nothing is wrong with a file's sources as they are written now: an address without a part of it is no address. */
function isWhole(document: Document, files: ProjectFiles): boolean {
  const isOfSource = (path: string) => path === '' || /^\/(?:source|streams)(?:\/|$)/.test(path);
  return !findingsOf(document, files).some(({ severity, path }) => severity === 'error' && isOfSource(path));
}
