import { plainOf } from '../check/plain.ts';
import type { Scope } from '../check/scope.ts';
import type { ComponentUse } from '../model/job.ts';
import type { JsonObject } from '../model/json.ts';
import * as specs from '../specs.ts';
import { withDefaults } from './settings.ts';

/** A connection of sluice.yaml by itself, as a source takes it: its keys with their defaults, references kept. null: there is none. */
export function connectionUse(scope: Scope, name: string): ComponentUse | null {
  const found = scope.connections.get(name);
  if (!found?.type) return null;
  const { type } = found;
  const { type: _, ...own } = plainOf(found.node) as JsonObject;
  const schema = specs.sources[type]?.connection ?? specs.destinations[type]?.connection ?? {};
  return { type, connection: name, settings: withDefaults(own, schema) as JsonObject };
}
