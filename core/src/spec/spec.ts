import type { Spec } from '../model/component.ts';
import type { Schema } from './schema.ts';

/** Declares a component's spec; its settings keep their literal type, so that `Infer<typeof spec.settings>` is exact. */
export function defineSpec<const S extends Schema>(spec: Spec<S>): Spec<S> {
  return spec;
}
