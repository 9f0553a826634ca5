import type { Check, Destination, FormatReader, Source, Transform } from './model/component.ts';

/** Every component's implementation by kind and type; each is loaded when it is first used. */
export const sources: Readonly<Record<string, { load: () => Promise<Source> }>> = {};
export const destinations: Readonly<Record<string, { load: () => Promise<Destination> }>> = {};
export const formats: Readonly<Record<string, { load: () => Promise<FormatReader> }>> = {};
export const transforms: Readonly<Record<string, { load: () => Promise<Transform> }>> = {};
export const checks: Readonly<Record<string, { load: () => Promise<Check> }>> = {};
