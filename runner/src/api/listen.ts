import { SluiceError } from '@sluice/core';
import type { AddressFile } from '../observe/address.ts';
import type { DaemonLog } from '../observe/log.ts';
import type { LoadedProject } from '../repo/load.ts';
import type { Store } from '../store/store.ts';
import { ProjectDoor } from './project-door.ts';
import { createApi } from './server.ts';

export interface ListenOptions {
  store: Store;
  log: DaemonLog;
  host: string;
  /** 0: any that is free. */
  port: number;
  /** Folder of the checkout, and its target; null: the project has none. */
  dir: string;
  target: string | null;
  vars: Record<string, string>;
  stateStore: string | null;
  readOnly: string | null;
  reconcile(files: ReadonlySet<string> | null): Promise<void>;
  /** The files as they are now, where they are kept anyway; left out: they are read. */
  kept?: () => Promise<LoadedProject | null>;
  /** Text of `/metrics`. */
  metrics?: () => Promise<{ contentType: string; text: string }>;
  /** null: there is no remote to look at. */
  fetch: (() => Promise<void>) | null;
}

/** A server that listens. */
export interface Listening extends Required<Pick<AddressFile, 'host' | 'port' | 'token'>> {
  url: string;
  /** A one-time link for whoever sees the daemon's terminal; null: there are tokens. */
  signIn: string | null;
  close(): Promise<void>;
}

const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '::1']);

/**
 * Serves the HTTP API. Without any token it listens to this machine alone. Throws `api/tokens` where it should listen to others and there
 * is no token, `api/port` where the port is taken.
 */
export async function listen(options: ListenOptions): Promise<Listening> {
  const { store, host, port, log } = options;
  const door = await ProjectDoor.open({
    ...{ store, dir: options.dir, target: options.target, vars: options.vars, stateStore: options.stateStore },
    dotenv: false,
    ...(options.readOnly === null ? {} : { readOnly: options.readOnly }),
    ...(options.fetch === null ? {} : { fetch: options.fetch }),
    reconcile: options.reconcile,
    ...(options.kept ? { kept: options.kept } : {}),
  });
  const anyToken = await store.tokens.any(door.key.project);
  if (!anyToken && !LOOPBACK.has(host)) {
    throw new SluiceError('api/tokens', 'config', `Without any token the API does not listen on ${host}`, {
      hint: 'Make one first: `sluice token create NAME --role admin`.',
    });
  }
  const api = await createApi({ store, door, ...(options.metrics ? { metrics: options.metrics } : {}) });
  try {
    await api.app.listen({ host, port });
  } catch (error) {
    await api.app.close();
    throw new SluiceError(
      'api/port',
      'config',
      `The API cannot listen on ${host}:${port}: ${(error as Error).message}`,
      {
        hint: 'Choose another with --port (0: any that is free), or --no-api.',
      },
    );
  }
  const found = api.app.server.address();
  const at = { host, port: typeof found === 'object' && found ? found.port : port };
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${at.port}`;
  log.info({ url }, 'API listens');
  return {
    ...at,
    url,
    token: api.localToken(),
    signIn: anyToken ? null : `${url}${api.signInPath()}`,
    close: () => api.app.close(),
  };
}
