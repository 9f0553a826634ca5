import { type JsonObject, messageOf, SluiceError } from '@sluice/core';
import type { NoticeFields } from '../notice-text.ts';

/** What a channel may use of the process that it works in. */
export interface ChannelContext {
  projectDir: string;
  signal: AbortSignal;
}

/**
 * Tells one notification. `settings` have their references put in. Throws SluiceErrors, which may hold secrets: who calls takes them out.
 * The kind decides whether it is tried again.
 */
export type Send = (fields: NoticeFields, settings: JsonObject, context: ChannelContext) => Promise<void>;

/** A channel that does not answer for this long is not reached. */
export const PATIENCE_MS = 20_000;

export function notSent(kind: 'transient' | 'config', why: string, hint: string): SluiceError {
  return new SluiceError('notify/failed', kind, why, { hint });
}

/** Sends a body and reads whether it was taken. Answers of the kind that mend themselves are passing failures. */
export async function post(
  url: string,
  body: string,
  headers: Readonly<Record<string, string>>,
  { signal }: ChannelContext,
): Promise<void> {
  let response: Response;
  try {
    const both = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
    // A redirect would carry the notification to where nobody said that it may go.
    response = await fetch(url, { method: 'POST', body, headers, signal: both, redirect: 'manual' });
    await response.body?.cancel();
  } catch (error) {
    if (error instanceof TypeError && !URL.canParse(url))
      throw notSent('config', 'The address of the channel is none', 'Look at `url` of the channel.');
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : messageOf(error);
    throw notSent(
      'transient',
      `The channel cannot be reached: ${cause || messageOf(error)}`,
      'Check `url` of the channel.',
    );
  }
  const { status } = response;
  if (response.ok) return;
  const passing = status >= 500 || status === 408 || status === 425 || status === 429;
  throw notSent(
    passing ? 'transient' : 'config',
    `The channel answers ${status}`,
    passing ? 'It is tried again.' : 'Check `url` and the credentials of the channel.',
  );
}
