import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { ColumnRecord, RecordKeys } from '@sluice/core';

export interface ColumnsAnswer {
  result?: { keys: RecordKeys; record: ColumnRecord };
  error?: { code: string; message: string; hint?: string };
}

interface Question {
  file: string;
  text: string;
  stream: string;
  remote: boolean;
}

/**
 * The process that reads columns, one for each project: started with the first question, gone by itself when nothing is asked for
 * a while. It loads the engine, so that this process need not.
 */
export class ColumnsWorker {
  readonly #command: readonly string[];
  readonly #dir: string;
  #child: ChildProcessWithoutNullStreams | null = null;
  #next = 1;
  readonly #waiting = new Map<number, (answer: ColumnsAnswer) => void>();

  /** `command`: program and arguments; `--project DIR` is added. */
  constructor(command: readonly string[], dir: string) {
    this.#command = command;
    this.#dir = dir;
  }

  /** Asks for the columns of a stream's source. The answer holds an error where they cannot be read; it never throws. */
  ask(question: Question): { answer: Promise<ColumnsAnswer>; cancel(): void } {
    const id = this.#next++;
    const answer = new Promise<ColumnsAnswer>((done) => this.#waiting.set(id, done));
    this.#send({ id, method: 'infer', params: question });
    return { answer, cancel: () => this.#send({ method: 'cancel', params: { id } }) };
  }

  stop(): void {
    this.#child?.kill();
  }

  #send(message: unknown): void {
    this.#child ??= this.#start();
    this.#child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  #start(): ChildProcessWithoutNullStreams {
    const [program = '', ...args] = this.#command;
    const child = spawn(program, [...args, '--project', this.#dir], { cwd: this.#dir, stdio: 'pipe' });
    const end = (message: string): void => {
      if (this.#child === child) this.#child = null;
      for (const done of this.#waiting.values()) done({ error: { code: 'columns/ended', message } });
      this.#waiting.clear();
    };
    child.on('error', (error) => end(error.message));
    child.on('exit', () => end('The columns worker ended'));
    // A pipe that is gone is told by the exit.
    child.stdin.on('error', () => {});
    child.stderr.resume();
    createInterface({ input: child.stdout }).on('line', (line) => {
      try {
        const { id, ...answer } = JSON.parse(line) as ColumnsAnswer & { id: number };
        this.#waiting.get(id)?.(answer);
        this.#waiting.delete(id);
      } catch {
        // What is no answer is none of ours.
      }
    });
    return child;
  }
}
