import type { ApiContext } from '../context.ts';
import type { ApiRoute } from '../route.ts';
import { planRoutes } from './plan.ts';
import { sourceRoutes } from './sources.ts';
import { tokenRoutes } from './tokens.ts';

/** Every route below `/api/v1`; those with fixed words before those with a job's id. */
export function routesOf(context: ApiContext): ApiRoute[] {
  return [...sourceRoutes(context), ...planRoutes(context), ...tokenRoutes(context)];
}
