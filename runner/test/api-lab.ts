import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestDatabase, testDatabase } from '../../core/test/postgres.ts';
import { ProjectDoor } from '../src/api/project-door.ts';
import { type Api, type ApiOptions, createApi } from '../src/api/server.ts';
import { openStore, type Store } from '../src/store/store.ts';
import type { Role } from '../src/store/tokens.ts';

export interface Answered {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: each test says what it expects.
  body: any;
  text: string;
  headers: Record<string, unknown>;
}

/** The API over a project folder and a database of its own, with a token of each role. */
export class ApiLab {
  readonly dir: string;
  readonly db: TestDatabase;
  readonly store: Store;
  readonly door: ProjectDoor;
  readonly api: Api;
  readonly tokens: Readonly<Record<Role, string>>;

  constructor(parts: Pick<ApiLab, 'dir' | 'db' | 'store' | 'door' | 'api' | 'tokens'>) {
    this.dir = parts.dir;
    this.db = parts.db;
    this.store = parts.store;
    this.door = parts.door;
    this.api = parts.api;
    this.tokens = parts.tokens;
  }

  /** `as`: a role, the text of a token, or null for none. */
  async call(
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
    path: string,
    { as = 'admin', body, headers = {} }: { as?: string | null; body?: unknown; headers?: Record<string, string> } = {},
  ): Promise<Answered> {
    const token = as === null ? null : (this.tokens[as as Role] ?? as);
    const response = await this.api.app.inject({
      method,
      url: path.startsWith('/api') || path.startsWith('//') ? path.replace('//', '/') : `/api/v1${path}`,
      headers: { host: 'localhost', ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...headers },
      ...(body === undefined ? {} : { payload: body as object }),
    });
    const text = response.payload;
    const isJson = /json/.test(String(response.headers['content-type']));
    return { status: response.statusCode, text, body: isJson ? JSON.parse(text) : null, headers: response.headers };
  }

  async file(name: string, text: string): Promise<void> {
    await mkdir(dirname(join(this.dir, name)), { recursive: true });
    await writeFile(join(this.dir, name), text);
  }

  async close(): Promise<void> {
    await this.api.app.close();
    await this.store.close();
    await this.db.drop();
    await rm(this.dir, { recursive: true, force: true });
  }
}

/** Close it in `afterAll`. */
export async function apiLab(
  files: Record<string, string>,
  options: Partial<ApiOptions> & { target?: string; readOnly?: string } = {},
): Promise<ApiLab> {
  const dir = await realpath(await mkdtemp(join(tmpdir(), 'sluice-api-')));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, name)), { recursive: true });
    await writeFile(join(dir, name), text);
  }
  const db = await testDatabase();
  const store = await openStore({ url: db.url });
  const { target = null, readOnly, ...more } = options;
  const door = await ProjectDoor.open({ dir, target, store, stateStore: db.url, ...(readOnly ? { readOnly } : {}) });
  const tokens: Record<string, string> = {};
  for (const role of ['viewer', 'operator', 'editor', 'admin'] as const) {
    const made = await store.tokens.create({
      project: door.name,
      name: role,
      role,
      createdBy: 'test',
      lifetimeMs: null,
    });
    tokens[role] = made.token;
  }
  const api = await createApi({ store, door, ...more });
  return new ApiLab({ dir, db, store, door, api, tokens: tokens as Record<Role, string> });
}

/** A job that reads a CSV file of the project into a file of the project. */
export const job = (name: string, more = ''): string =>
  `name: ${name}\nsource:\n  type: local\n  path: data/${name}.csv\ndestination:\n  type: local\n  path: out/${name}\n${more}`;
