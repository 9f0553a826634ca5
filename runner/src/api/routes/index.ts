import type { ApiContext } from '../context.ts';
import type { ApiRoute } from '../route.ts';
import { computeRoutes } from './compute.ts';
import { controlRoutes } from './control.ts';
import { dataRoutes } from './data.ts';
import { executionRoutes } from './executions.ts';
import { jobRoutes } from './jobs.ts';
import { liveRoutes } from './live.ts';
import { nodeRoutes } from './nodes.ts';
import { planRoutes } from './plan.ts';
import { sourceRoutes } from './sources.ts';
import { tokenRoutes } from './tokens.ts';

/** Every route below `/api/v1`. */
export function routesOf(context: ApiContext): ApiRoute[] {
  return [
    ...computeRoutes(context),
    ...sourceRoutes(context),
    ...jobRoutes(context),
    ...controlRoutes(context),
    ...executionRoutes(context),
    ...liveRoutes(context),
    ...dataRoutes(context),
    ...planRoutes(context),
    ...tokenRoutes(context),
    ...nodeRoutes(context),
  ];
}
