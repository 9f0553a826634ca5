import {
  type ComponentUse,
  type Job,
  type Json,
  type ReferenceValues,
  type RunWindow,
  resolveReferences,
  SluiceError,
  type Stream,
  secretNames,
  settleSettings,
} from '@sluice/core';
import { destinations, formats, type Spec, sources } from '@sluice/core/specs';
import { valuesFor } from '../repo/values.ts';
import { watched } from '../secrets/known.ts';
import { lookUpSecrets } from '../secrets/lookup.ts';
import { lastWindow } from './windowed.ts';

export interface ResolveRequest {
  projectDir: string;
  job: Job;
  env: Readonly<Record<string, string | undefined>>;
  /** For secrets that lie in the state store; null: DATABASE_URL, else the embedded server. */
  stateStore: string | null;
  /** The state store's own address, where it is known already. */
  storeUrl?: string;
  /** Left out: the last complete one stands for it, for a look at the source. */
  window?: RunWindow | null;
}

/**
 * The job with the values of its references put in: from here on it holds secrets and stays in the process that runs it. Secrets are
 * looked up here and nowhere before. Throws `reference/unset` with every reference that has no value, and `secret/…`.
 */
export async function withReferences(
  request: ResolveRequest,
  signal: AbortSignal = new AbortController().signal,
): Promise<Job> {
  const { project, target, secret_providers: providers } = request.job;
  const names = secretNames(request.job.streams as unknown as Json);
  const secrets = await lookUpSecrets(names, { ...request, project, target, providers: providers ?? {} }, signal);
  const missing = new Set<string>();
  const streams = request.job.streams.map((stream) => {
    const values = { ...watched(valuesOf(request, stream)), secret: (name: string) => secrets.get(name) ?? null };
    const resolved = resolveReferences(stream as unknown as Json, values);
    for (const name of resolved.missing) missing.add(name);
    return settled(resolved.value as unknown as Stream, request.job.name);
  });
  if (missing.size > 0) {
    throw new SluiceError('reference/unset', 'config', `No value for ${[...missing].join(', ')}`, {
      where: { job: request.job.name },
      hint: 'Set the variable in the environment or in `.env` beside sluice.yaml, or give a default: ${env:NAME:-default}.',
    });
  }
  return { ...request.job, streams };
}

/** A number or switch that came from a reference is text until now. Throws `reference/value` where it is none. */
function settled(stream: Stream, job: string): Stream {
  const { source, destination, format } = stream;
  const check = <T extends ComponentUse>(use: T, spec: Spec | undefined): T => {
    const { settings, wrong } = settleSettings(use.settings, spec?.settings, spec?.connection);
    if (wrong.length === 0) return { ...use, settings };
    throw new SluiceError(
      'reference/value',
      'config',
      `${wrong.join(', ')} of ${use.type} got a text from its reference`,
      {
        where: { job, stream: stream.name },
        hint: 'Give the variable a number, or true or false, as the setting wants.',
      },
    );
  };
  return {
    ...stream,
    source: check(source, sources[source.type]),
    destination: check(destination, destinations[destination.type]),
    format: format && check(format, formats[format.type]),
  };
}

/** References of these streams that have no value, as written. Secrets are not looked up: whether there are such is for the run to say. */
export function missingReferences(request: Omit<ResolveRequest, 'stateStore'>, streams: readonly Stream[]): string[] {
  const missing = streams.flatMap(
    (stream) =>
      resolveReferences(stream as unknown as Json, { ...valuesFor(request, stream.name), secret: () => '' }).missing,
  );
  return [...new Set(missing)];
}

/** With the window, for a windowed stream. */
function valuesOf(request: ResolveRequest, { name, incremental }: Stream): ReferenceValues {
  const values = valuesFor(request, name);
  if (incremental.type !== 'window') return values;
  const window = request.window ?? lastWindow({ incremental });
  if (!window) return values;
  const zone = incremental.timezone;
  return { ...values, window: { start: Date.parse(window.from), end: Date.parse(window.to), zone } };
}
