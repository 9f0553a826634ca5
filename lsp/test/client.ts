import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const SERVER = fileURLToPath(new URL('../dist/server.js', import.meta.url));

// biome-ignore lint/suspicious/noExplicitAny: whatever the server sends, as a foreign client would see it
export type Any = any;

interface Message {
  id?: number | string;
  method?: string;
  params?: Any;
  result?: Any;
  error?: { code: number; message: string };
}

/** A client that knows the protocol's framing and nothing more: what any editor could be. */
export class Client {
  readonly process: ChildProcessWithoutNullStreams;
  /** Every notification that came. */
  readonly notifications: Message[] = [];
  /** What the server is told where it asks. */
  readonly answers = new Map<string, (params: Any) => Any>();
  readonly #answers = new Map<number, (message: Message) => void>();
  readonly #waiting: { test: (message: Message) => boolean; done: (message: Message) => void }[] = [];
  #next = 1;
  #buffer = Buffer.alloc(0);
  stderr = '';

  constructor(command: readonly string[] = [SERVER, '--stdio']) {
    this.process = spawn(process.execPath, [...command], { stdio: 'pipe' });
    this.process.stdout.on('data', (chunk: Buffer) => this.#read(chunk));
    this.process.stderr.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
  }

  #read(chunk: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    for (;;) {
      const head = this.#buffer.indexOf('\r\n\r\n');
      if (head < 0) return;
      const length = Number(/Content-Length: (\d+)/i.exec(this.#buffer.toString('ascii', 0, head))?.[1]);
      const end = head + 4 + length;
      if (this.#buffer.length < end) return;
      const message = JSON.parse(this.#buffer.toString('utf8', head + 4, end)) as Message;
      this.#buffer = this.#buffer.subarray(end);
      this.#take(message);
    }
  }

  #take(message: Message): void {
    if (message.method !== undefined && message.id !== undefined) {
      this.#write({ id: message.id, result: this.answers.get(message.method)?.(message.params) ?? null });
      return;
    }
    if (message.method === undefined) {
      this.#answers.get(Number(message.id))?.(message);
      return;
    }
    this.notifications.push(message);
    const at = this.#waiting.findIndex(({ test }) => test(message));
    if (at >= 0) this.#waiting.splice(at, 1)[0]?.done(message);
  }

  #write(message: Message): void {
    const text = Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...message }));
    this.process.stdin.write(`Content-Length: ${text.length}\r\n\r\n`);
    this.process.stdin.write(text);
  }

  async request(method: string, params: Any): Promise<Any> {
    const id = this.#next++;
    const answer = new Promise<Message>((done) => this.#answers.set(id, done));
    this.#write({ id, method, params });
    const message = await answer;
    this.#answers.delete(id);
    if (message.error) throw new Error(`${message.error.code}: ${message.error.message}`);
    return message.result;
  }

  notify(method: string, params: Any): void {
    this.#write({ method, params });
  }

  /** The first notification of a kind that comes from now on. */
  next(test: (message: Message) => boolean): Promise<Message> {
    return new Promise((done) => this.#waiting.push({ test, done }));
  }

  /** The findings that are pushed for one version of a document. */
  async pushed(uri: string, version: number): Promise<Any[]> {
    const is = ({ method, params }: Message): boolean =>
      method === 'textDocument/publishDiagnostics' && params.uri === uri && params.version === version;
    const message = this.notifications.find(is) ?? (await this.next(is));
    return message.params.diagnostics;
  }

  /** The next findings of a document; of this version, where the server says which. */
  async published(uri: string, version: number): Promise<void> {
    await this.next(
      ({ method, params }) =>
        method === 'textDocument/publishDiagnostics' && params.uri === uri && (params.version ?? version) === version,
    );
  }

  async start(folder: string, capabilities: Any = {}, initializationOptions: Any = {}): Promise<Any> {
    const uri = pathToFileURL(folder).href;
    const result = await this.request('initialize', {
      processId: process.pid,
      rootUri: uri,
      workspaceFolders: [{ uri, name: 'a' }],
      capabilities,
      initializationOptions,
    });
    this.notify('initialized', {});
    return result;
  }

  open(uri: string, text: string, version = 1, languageId = 'yaml'): void {
    this.notify('textDocument/didOpen', { textDocument: { uri, languageId, version, text } });
  }

  change(uri: string, version: number, contentChanges: Any[]): void {
    this.notify('textDocument/didChange', { textDocument: { uri, version }, contentChanges });
  }

  at(uri: string, line: number, character: number): Any {
    return { textDocument: { uri }, position: { line, character } };
  }

  async stop(): Promise<number | null> {
    const ended = new Promise<number | null>((done) => this.process.once('exit', done));
    await this.request('shutdown', null);
    this.notify('exit', null);
    return await ended;
  }
}

/** A folder with files; gives the address of each by its path. */
export function folderWith(files: Readonly<Record<string, string>>): { dir: string; uri(path: string): string } {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-lsp-')));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  }
  return { dir, uri: (path) => pathToFileURL(join(dir, path)).href };
}
