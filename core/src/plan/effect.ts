import type { Effect, EffectKind } from './types.ts';

/** An effect that applying the old files again takes back. */
export function kept(kind: EffectKind, message: string): Effect {
  return { kind, message, destructive: false };
}

/** An effect that it does not take back. */
export function lost(kind: EffectKind, message: string): Effect {
  return { kind, message, destructive: true };
}
