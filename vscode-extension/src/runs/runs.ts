import { randomUUID } from 'node:crypto';
import { closeSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import * as vscode from 'vscode';
import { sluiceFor } from '../sluice-command.ts';
import { follow, newRecord, type RunLine, type RunRecord } from './record.ts';

/** How often the file of a run's events is looked at. */
const LOOK_MS = 200;
/** Runs that are kept in the list. */
const KEPT = 100;

interface Running {
  /** null: the editor has not begun it yet. */
  execution: vscode.TaskExecution | null;
  pid: number | null;
  stops: number;
  events: EventFile;
}

/** Runs of this window: each in a task's terminal, followed by the events that the program writes beside it. */
export class Runs {
  readonly #changed = new vscode.EventEmitter<RunRecord>();
  readonly #lines = new vscode.EventEmitter<{ record: RunRecord; line: RunLine }>();
  readonly onDidChange = this.#changed.event;
  readonly onDidRead = this.#lines.event;
  readonly #running = new Map<string, Running>();
  /** Newest first, by a key of their own. */
  readonly #records = new Map<string, RunRecord>();

  constructor(context: vscode.ExtensionContext) {
    context.subscriptions.push(
      this.#changed,
      this.#lines,
      vscode.tasks.onDidStartTaskProcess(({ execution, processId }) => {
        const running = this.#running.get(keyOf(execution));
        if (running) Object.assign(running, { execution, pid: processId });
      }),
      vscode.tasks.onDidEndTaskProcess(({ execution, exitCode }) => this.#ended(execution, exitCode ?? null)),
      vscode.tasks.onDidEndTask(({ execution }) => this.#ended(execution, null)),
      {
        dispose: () => {
          for (const { events } of this.#running.values()) events.close();
        },
      },
    );
  }

  list(): RunRecord[] {
    return [...this.#records.values()].sort((a, b) => b.startedAt - a.startedAt);
  }

  /** The last run of a job in this window. */
  last(dir: string, job: string): RunRecord | undefined {
    return this.list().find((record) => record.dir === dir && record.job === job);
  }

  /** Starts a job in a terminal. `args` follow the job's name. */
  async start(
    dir: string,
    job: string,
    command: 'run' | 'backfill' = 'run',
    args: readonly string[] = [],
  ): Promise<void> {
    const active = this.last(dir, job);
    if (active && active.endedAt === null) {
      void vscode.window.showInformationMessage(`${job} is running already.`);
      return;
    }
    const program = await sluiceFor(dir);
    if (!program) return;
    const key = randomUUID();
    const events = new EventFile((lines) => this.#take(key, lines));
    const all = [command, job, ...args, '--events', events.path];
    const task = sluiceTask(program, [command, job, ...args], all, dir);
    task.definition = { ...task.definition, run: key };
    // Known before it begins: its events come at any time.
    const running: Running = { execution: null, pid: null, stops: 0, events };
    this.#running.set(key, running);
    this.#set(key, newRecord(dir, job, Date.now()));
    running.execution = await vscode.tasks.executeTask(task);
  }

  /** Asks a run to stop before its commit; asked again, ends it. */
  stop(record: RunRecord): void {
    const key = [...this.#records].find(
      ([, one]) => one.dir === record.dir && one.job === record.job && !one.endedAt,
    )?.[0];
    const running = key === undefined ? undefined : this.#running.get(key);
    if (!running || key === undefined) return;
    running.stops += 1;
    if (running.pid === null || running.stops > 1 || process.platform === 'win32') running.execution?.terminate();
    else process.kill(running.pid, 'SIGINT');
    this.#set(key, { ...this.#records.get(key)!, state: 'stopping' });
  }

  #take(key: string, lines: readonly RunLine[]): void {
    let record = this.#records.get(key);
    if (!record || lines.length === 0) return;
    for (const line of lines) {
      record = follow(record, line);
      this.#lines.fire({ record, line });
    }
    // It ends with its process: a windowed job has more to come.
    this.#set(key, { ...record, endedAt: null });
  }

  #ended(execution: vscode.TaskExecution, code: number | null): void {
    const key = keyOf(execution);
    const found = this.#running.get(key);
    if (!found) return;
    const { events, stops } = found;
    this.#running.delete(key);
    events.look();
    events.close();
    const record = this.#records.get(key)!;
    const told = record.state !== 'running' && record.state !== 'stopping';
    const untold = code === 0 ? 'succeeded' : stops > 0 || code === null || code === 130 ? 'cancelled' : 'failed';
    const state = told ? record.state : untold;
    this.#set(key, { ...record, state, endedAt: Date.now() });
  }

  #set(key: string, record: RunRecord): void {
    this.#records.set(key, record);
    for (const old of [...this.#records.keys()].slice(0, -KEPT)) this.#records.delete(old);
    this.#changed.fire(record);
  }
}

/** The run that a task is of. */
function keyOf({ task }: vscode.TaskExecution): string {
  return String(task.definition.run);
}

/** A task of the program in a terminal of its own, whose output stays. `shown`: what it is called by. */
export function sluiceTask(
  program: string,
  shown: readonly string[],
  args: readonly string[],
  cwd: string,
): vscode.Task {
  const folder = vscode.workspace.getWorkspaceFolder(vscode.Uri.file(cwd));
  const below = folder && folder.uri.fsPath !== cwd ? ` in ${relative(folder.uri.fsPath, cwd)}` : '';
  const task = new vscode.Task(
    // The folder tells the tasks of two projects apart.
    { type: 'sluice', command: shown.join(' '), folder: cwd },
    folder ?? vscode.TaskScope.Workspace,
    `${shown.join(' ')}${below}`,
    'sluice',
    new vscode.ProcessExecution(program, [...args], { cwd }),
  );
  task.presentationOptions = {
    reveal: vscode.TaskRevealKind.Always,
    panel: vscode.TaskPanelKind.Dedicated,
    clear: true,
    echo: false,
  };
  return task;
}

/** A file of lines of JSON that grows: what was added is read now and then. */
class EventFile {
  readonly path = join(tmpdir(), `sluice-run-${randomUUID()}.ndjson`);
  readonly #take: (lines: RunLine[]) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #decoder = new StringDecoder('utf8');
  #file: number | null;
  #rest = '';

  constructor(take: (lines: RunLine[]) => void) {
    writeFileSync(this.path, '', { mode: 0o600 });
    this.#file = openSync(this.path, 'r');
    this.#take = take;
    this.#timer = setInterval(() => this.look(), LOOK_MS);
  }

  look(): void {
    if (this.#file === null) return;
    const buffer = Buffer.alloc(65536);
    for (let read = readSync(this.#file, buffer); read > 0; read = readSync(this.#file, buffer))
      this.#rest += this.#decoder.write(buffer.subarray(0, read));
    const lines = this.#rest.split('\n');
    this.#rest = lines.pop() ?? '';
    this.#take(lines.map((line) => JSON.parse(line) as RunLine));
  }

  close(): void {
    clearInterval(this.#timer);
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
    rmSync(this.path, { force: true });
  }
}
