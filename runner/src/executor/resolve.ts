import { readFileSync } from 'node:fs';
import { isAbsolute, join, relative, resolve } from 'node:path';
import {
  type ComponentUse,
  type Job,
  type Json,
  type ReferenceValues,
  type RunWindow,
  resolveReferences,
  SluiceError,
  type Stream,
  settleSettings,
} from '@sluice/core';
import { destinations, formats, type Spec, sources } from '@sluice/core/specs';
import { lastWindow } from './windowed.ts';

export interface ResolveRequest {
  projectDir: string;
  job: Job;
  env: Readonly<Record<string, string | undefined>>;
  /** Left out: the last complete one stands for it, for a look at the source. */
  window?: RunWindow | null;
}

/**
 * The job with the values of its references put in: from here on it holds secrets and stays in the process that runs it.
 * Throws `reference/unset` with every reference that has no value.
 */
export function withReferences(request: ResolveRequest): Job {
  const missing = new Set<string>();
  const streams = request.job.streams.map((stream) => {
    const resolved = resolveReferences(stream as unknown as Json, valuesOf(request, stream));
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

/** References of these streams that have no value, as written. */
export function missingReferences(request: ResolveRequest, streams: readonly Stream[]): string[] {
  const missing = streams.flatMap(
    (stream) => resolveReferences(stream as unknown as Json, valuesFor(request, stream.name)).missing,
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

/** What references of a project stand for on this machine. */
export function valuesFor({ projectDir, env }: Omit<ResolveRequest, 'job'>, stream: string): ReferenceValues {
  return { env, file: (path) => readReference(projectDir, path), stream };
}

function readReference(projectDir: string, path: string): string | null {
  const full = resolve(projectDir, path);
  const inside = relative(projectDir, full);
  const allowed = (!inside.startsWith('..') && !isAbsolute(inside)) || full.startsWith(join('/run/secrets', '/'));
  if (!allowed) return null;
  try {
    return readFileSync(full, 'utf8').replace(/\r?\n$/, '');
  } catch {
    return null;
  }
}
