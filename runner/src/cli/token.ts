import { userInfo } from 'node:os';
import { parseDuration } from '@sluice/core';
import { type Command, Option } from 'commander';
import { openStateStore, type Store } from '../store/store.ts';
import { ROLES, type Role, type TokenRow } from '../store/tokens.ts';
import { usage } from './errors.ts';
import { type CommonOptions, outputOf, withCommon } from './options.ts';
import { type OpenProject, openProject } from './project.ts';
import { type Cell, ROW_FORMS, renderList } from './table.ts';
import { print, styleFor, tell } from './terminal.ts';
import { stateStoreOf } from './unset.ts';

interface CreateOptions extends CommonOptions {
  role: Role;
  expires?: string;
}

const COLUMNS = ['id', 'name', 'role', 'created_by', 'created_at', 'expires_at', 'revoked_at', 'last_used_at'] as const;

/** `token create · list · revoke`: who may use the HTTP API. */
export function define(command: Command): void {
  const role = new Option('--role <role>', 'what it may do').choices(ROLES).default('viewer');
  withCommon(command.command('create').description('make a token, whose text is printed this once'), ['text', 'json'])
    .argument('<name>', 'for lists and the audit trail')
    .addOption(role)
    .option('--expires <time>', 'such as 30d; left out: it does not expire')
    .action(create);
  withCommon(command.command('list').description('show tokens, without their texts'), ROW_FORMS).action(list);
  withCommon(command.command('revoke').description('make a token worth nothing'), ['text', 'json'])
    .argument('<token>', 'its id, or a name that only one token has')
    .action(revoke);
}

async function create(name: string, options: CreateOptions): Promise<void> {
  const lifetimeMs = options.expires === undefined ? null : parseDuration(options.expires);
  if (options.expires !== undefined && !lifetimeMs)
    throw usage('time', `--expires wants a time such as 30d or 12h, not ${options.expires}`);
  await atStore(options, async (store, project) => {
    const createdBy = userInfo().username;
    const made = await store.tokens.create({
      project: project.project.name,
      name,
      role: options.role,
      createdBy,
      lifetimeMs,
    });
    await record(store, project, 'token.create', made);
    if (outputOf(options) === 'json') print(JSON.stringify(made, null, 2));
    else print(made.token);
    if (!options.quiet && outputOf(options) !== 'json')
      tell(`${made.role} token ${made.name}, id ${made.id}. Keep it: only a hash of it is stored.`);
  });
}

async function list(options: CommonOptions): Promise<void> {
  await atStore(options, async (store, project) => {
    const found = await store.tokens.list(project.project.name);
    const rows = found.map((row): Cell[] => COLUMNS.map((name) => row[name]));
    print(renderList(COLUMNS, rows, outputOf(options), styleFor(process.stdout)));
    if (found.length === 0 && !options.quiet) tell('There is none: `sluice token create NAME` makes one.');
  });
}

async function revoke(named: string, options: CommonOptions): Promise<void> {
  await atStore(options, async (store, project) => {
    const all = await store.tokens.list(project.project.name);
    const byName = all.filter((row) => row.name === named && row.revoked_at === null);
    if (byName.length > 1) throw usage('token', `${byName.length} tokens are called ${named}: name one by its id`);
    const id = all.find((row) => row.id === named)?.id ?? byName[0]?.id;
    const found = id === undefined ? null : await store.tokens.revoke({ project: project.project.name, id });
    if (!found) throw usage('token', `There is no token ${named}`, '`sluice token list` shows them.');
    await record(store, project, 'token.revoke', found);
    print(outputOf(options) === 'json' ? JSON.stringify(found, null, 2) : `Revoked ${found.name}`);
  });
}

async function atStore(
  options: CommonOptions,
  work: (store: Store, project: OpenProject) => Promise<void>,
): Promise<void> {
  const project = await openProject(options);
  const store = await openStateStore({ projectDir: project.dir, stateStore: stateStoreOf(project) });
  try {
    await work(store, project);
  } finally {
    await store.close();
  }
}

/** What an answer of the API would be: whoever reaches the state store is an admin of it. */
const DONE = 200;

function record(store: Store, { project, scope }: OpenProject, action: string, token: TokenRow): Promise<void> {
  const key = { project: project.name, target: scope.target ?? 'default' };
  const detail = { name: token.name, role: token.role };
  const actor = userInfo().username;
  return store.audit.record({
    ...key,
    actor,
    role: 'admin',
    action,
    subject: token.id,
    status: DONE,
    address: null,
    detail,
  });
}
