import { type ComponentUse, resolveReferences, SluiceError, secretNames, settleSettings } from '@sluice/core';
import { type Discovered, formatByName, registry } from '@sluice/core/runtime';
import { sources } from '@sluice/core/specs';
import { valuesFor } from '../repo/values.ts';
import { watched } from '../secrets/known.ts';
import { lookUpSecrets, type SecretRequest } from '../secrets/lookup.ts';
import { redactDeep, redactorOf } from './redact.ts';

export interface DiscoverRequest extends SecretRequest {
  /** The connection, its references still symbols. */
  use: ComponentUse;
  signal: AbortSignal;
  onWarning(message: string): void;
}

/**
 * What a connection holds that a job could read; of files those alone whose format a name tells. Throws SluiceErrors without
 * secrets: `reference/unset`, `discover/unsupported`, and the source's own.
 */
export async function discover(request: DiscoverRequest): Promise<Discovered[]> {
  const { use, projectDir, signal } = request;
  const source = await registry.sources[use.type]?.load();
  if (!source?.discover) {
    const what = source ? 'cannot tell what it holds' : 'is no source';
    throw new SluiceError('discover/unsupported', 'config', `A connection of type ${use.type} ${what}`, {
      hint: 'Write the job by hand; `sluice init` shows one.',
    });
  }
  const settings = await settled(request);
  const redact = redactorOf({ streams: [{ source: { ...use, settings } }] });
  try {
    const log = (level: string, message: string) => {
      if (level === 'warn' || level === 'error') request.onWarning(redact(message));
    };
    const found = await source.discover({ settings, projectDir, signal, log });
    return found.filter(({ sample }) => sample === undefined || formatByName(sample) !== null);
  } catch (error) {
    const known = error instanceof SluiceError ? error : new SluiceError('source/failed', 'terminal', String(error));
    throw SluiceError.fromJSON(redactDeep(known.toJSON(), redact));
  }
}

async function settled(request: DiscoverRequest): Promise<ComponentUse['settings']> {
  const { use } = request;
  const secrets = await lookUpSecrets(secretNames(use.settings), request, request.signal);
  const values = { ...watched(valuesFor(request, '')), secret: (name: string) => secrets.get(name) ?? null };
  const { value, missing } = resolveReferences(use.settings, values);
  if (missing.length > 0) {
    throw new SluiceError('reference/unset', 'config', `No value for ${missing.join(', ')}`, {
      hint: 'Set the variable in the environment or in `.env` beside sluice.yaml.',
    });
  }
  const { settings, wrong } = settleSettings(value, sources[use.type]?.connection);
  if (wrong.length === 0) return settings;
  throw new SluiceError(
    'reference/value',
    'config',
    `${wrong.join(', ')} of ${use.connection} got a text from its reference`,
    {
      hint: 'Give the variable a number, or true or false, as the setting wants.',
    },
  );
}
