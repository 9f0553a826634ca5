import { sourceSpec as localSource } from './connectors/local/spec.ts';
import type { Spec } from './model/component.ts';

/** Every component by kind and type, as data: no SDK and no native module is loaded by this file. */
export const sources: Readonly<Record<string, Spec>> = { local: localSource };
export const destinations: Readonly<Record<string, Spec>> = {};
export const formats: Readonly<Record<string, Spec>> = {};
export const transforms: Readonly<Record<string, Spec>> = {};
export const checks: Readonly<Record<string, Spec>> = {};
