import { readable, recordKeys, stepsHash, textIn } from '@sluice/core';
import { sources } from '@sluice/core/specs';
import { type ColumnsAnswer, ColumnsWorker } from './columns-worker.ts';
import type { ProjectFiles } from './project-files.ts';
import type { OpenFile } from './workspace.ts';

/** Whether sources that lie on no disk of this machine are read without a command: asked first, when a file is opened, or never. */
export type RemoteColumns = 'ask' | 'onOpen' | 'never' | 'command';

/** Asks the person at the editor whether columns may be read; false where no answer came. */
export type Asks = (message: string) => Promise<boolean>;

/** After the last edit of a file, before its source is looked at. */
const QUIET_MS = 400;

interface Wanted {
  stream: string;
  type: string;
  remote: boolean;
  key: string;
}

/** Keeps the records of columns of open files fresh, as far as the client allows it. */
export class ColumnsReader {
  readonly #command: readonly string[];
  readonly #found: (files: ProjectFiles) => void;
  readonly #remote: RemoteColumns;
  readonly #asks: Asks;
  readonly #workers = new Map<string, ColumnsWorker>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  readonly #running = new Map<string, { cancel(): void; remote: boolean }>();
  /** What was asked already, so that a source that cannot be read is not tried at every edit. */
  readonly #tried = new Set<string>();

  /** `command`: program and arguments of the worker. `found`: called when a project has a new record. */
  constructor(
    command: readonly string[],
    { found, remote, asks }: { found: (files: ProjectFiles) => void; remote: RemoteColumns; asks: Asks },
  ) {
    this.#command = command;
    this.#found = found;
    this.#remote = remote;
    this.#asks = asks;
  }

  /** A file was opened or edited: its sources are looked at once it rests, those elsewhere as the client allows it. */
  touched(opened: OpenFile): void {
    clearTimeout(this.#timers.get(opened.uri));
    const timer = setTimeout(() => void this.#look(opened), QUIET_MS);
    timer.unref();
    this.#timers.set(opened.uri, timer);
  }

  closed(uri: string): void {
    clearTimeout(this.#timers.get(uri));
    this.#timers.delete(uri);
  }

  async #look(opened: OpenFile): Promise<void> {
    this.#timers.delete(opened.uri);
    for (const wanted of this.#wanted(opened)) {
      const key = `${opened.files.dir} ${wanted.key}`;
      if (this.#tried.has(key)) continue;
      this.#tried.add(key);
      if (wanted.remote && !(await this.#mayRead(wanted))) continue;
      await this.#ask(opened, wanted.stream, wanted.remote);
    }
  }

  async #mayRead({ stream, type }: Wanted): Promise<boolean> {
    if (this.#remote === 'onOpen') return true;
    return this.#remote === 'ask' && (await this.#asks(`Read the columns of ${stream} from its ${type} source?`));
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
        const isWanted = !known && this.#remote !== 'command' && this.#remote !== 'never';
        return isWanted ? [{ stream: name, type, remote: true, key: keys.source }] : [];
      }
      if (textIn(node, 'source', 'path') === undefined) return [];
      const steps = stepsHash(node);
      const key = `${keys.exact} ${steps}`;
      return known?.steps_hash === steps ? [] : [{ stream: name, type, remote: false, key }];
    });
  }

  /** Reads the columns of every stream of a file now, wherever its sources lie. */
  async read(opened: OpenFile): Promise<ColumnsAnswer[]> {
    const document = opened.files.document(opened.file);
    if (!document) return [];
    const { streams } = opened.files.project.view(readable(document));
    const answers: ColumnsAnswer[] = [];
    for (const { name } of streams) answers.push(await this.#ask(opened, name, this.#remote !== 'never'));
    return answers;
  }

  async #ask({ uri, files, file }: OpenFile, stream: string, remote: boolean): Promise<ColumnsAnswer> {
    const text = files.document(file)?.text ?? '';
    let worker = this.#workers.get(files.dir);
    if (!worker) {
      worker = new ColumnsWorker(this.#command, files.dir);
      this.#workers.set(files.dir, worker);
    }
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
    for (const timer of this.#timers.values()) clearTimeout(timer);
    for (const worker of this.#workers.values()) worker.stop();
  }
}
