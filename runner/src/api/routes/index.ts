import type { ApiContext } from '../context.ts';
import type { ApiRoute } from '../route.ts';
import { controlRoutes } from './control.ts';
import { executionRoutes } from './executions.ts';
import { jobRoutes } from './jobs.ts';
import { liveRoutes } from './live.ts';
import { planRoutes } from './plan.ts';
import { sourceRoutes } from './sources.ts';
import { tokenRoutes } from './tokens.ts';

/** Every route below `/api/v1`. */
export function routesOf(context: ApiContext): ApiRoute[] {
  return [
    ...jobRoutes(context),
    ...controlRoutes(context),
    ...executionRoutes(context),
    ...liveRoutes(context),
    ...sourceRoutes(context),
    ...planRoutes(context),
    ...tokenRoutes(context),
  ];
}
