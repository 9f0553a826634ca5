import { userInfo } from 'node:os';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import type { Command } from 'commander';
import { rotateKeys, type SecretStore, secretStore } from '../secrets/secret-store.ts';
import { openStateStore, type Store } from '../store/store.ts';
import { usage } from './errors.ts';
import { type CommonOptions, outputOf, withCommon } from './options.ts';
import { openTarget } from './planned.ts';
import type { OpenProject } from './project.ts';
import { type Cell, ROW_FORMS, renderRows } from './table.ts';
import { plural, print, styleFor, tell } from './terminal.ts';
import { stateStoreOf } from './unset.ts';

export function define(command: Command): void {
  command.helpCommand(false);
  withCommon(command.command('set').argument('<path>', 'such as crm/database'), ['text'])
    .summary('keep a secret, encrypted')
    .description('Keep a secret, encrypted. Its value is read from stdin; on a terminal it is asked for and not shown.')
    .action(set);
  withCommon(command.command('list'), ROW_FORMS).summary('list secrets, without their values').action(list);
  withCommon(command.command('remove').argument('<path>', 'as it was set'), ['text'])
    .summary('forget a secret')
    .action(remove);
  withCommon(command.command('rotate'), ['text'])
    .summary('encrypt all secrets with a new key')
    .description(
      'Encrypt all secrets with a new key: one that is made and put into the key file, or, where SLUICE_SECRET_KEY is set, the first one in it; the earlier ones stand behind it until this is done.',
    )
    .action(rotate);
}

interface Opened {
  project: OpenProject;
  store: Store;
  secrets: SecretStore;
}

async function withSecrets(options: CommonOptions, work: (opened: Opened) => Promise<void>): Promise<void> {
  const project = await openTarget(options);
  const store = await openStateStore({ projectDir: project.dir, stateStore: stateStoreOf(project) });
  const key = { project: project.project.name, target: project.scope.target ?? 'default' };
  try {
    await work({ project, store, secrets: secretStore({ ...key, store, projectDir: project.dir, env: project.env }) });
  } finally {
    await store.close();
  }
}

async function set(path: string, options: CommonOptions): Promise<void> {
  await withSecrets(options, async ({ secrets }) => {
    const value = await readValue(path);
    if (value === '') throw usage('secret', 'The value is empty: nothing was set');
    await secrets.put(path, value, userName());
    if (!options.quiet) tell(`Set. Jobs name it \${secret:store/${path}}`);
  });
}

async function list(options: CommonOptions): Promise<void> {
  await withSecrets(options, async ({ secrets }) => {
    const found = await secrets.list();
    const columns = ['path', 'updated_at', 'updated_by', 'key_id'].map((name) => {
      return { name, type: { kind: 'text' } as const, nullable: true };
    });
    const rows = found.map((row): Cell[] => [row.path, row.updated_at, row.updated_by, row.key_id]);
    print(renderRows({ columns, rows }, outputOf(options), styleFor(process.stdout)));
  });
}

async function remove(path: string, options: CommonOptions): Promise<void> {
  await withSecrets(options, async ({ secrets }) => {
    if (!(await secrets.remove(path)))
      throw usage('secret', `There is no secret ${path}`, '`sluice secret list` shows them.');
    if (!options.quiet) tell('Removed.');
  });
}

async function rotate(options: CommonOptions): Promise<void> {
  await withSecrets(options, async ({ project, store }) => {
    const count = await rotateKeys(store, project.dir, project.env);
    if (options.quiet) return;
    tell(`${plural(count, 'secret')} encrypted anew.`);
    if (project.env.SLUICE_SECRET_KEY) tell('SLUICE_SECRET_KEY may now lose its earlier keys, everywhere.');
  });
}

/** A user that the system has no name for is none. */
function userName(): string | null {
  try {
    return userInfo().username;
  } catch {
    return null;
  }
}

/** All of stdin without the line end that `echo` puts there; on a terminal one line that is not shown. */
async function readValue(path: string): Promise<string> {
  if (process.stdin.isTTY) return ask(path);
  let text = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) text += chunk;
  return text.replace(/\r?\n$/, '');
}

function ask(path: string): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  process.stderr.write(`Value of ${path} (not shown): `);
  return new Promise((resolve, reject) => {
    reader.once('SIGINT', () => {
      reader.close();
      reject(usage('secret', 'Nothing was set'));
    });
    reader.question('', (answer) => {
      reader.close();
      process.stderr.write('\n');
      resolve(answer);
    });
  });
}
