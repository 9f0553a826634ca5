import type { ApiContext } from '../context.ts';
import type { ApiRoute } from '../route.ts';
import { answer, flag, list, map, object, optional, text, time, whole } from '../schemas.ts';

const NODE = object({
  ...{
    node: text('The name under which it owns runs.'),
    host: text(),
    pid: whole(),
    address: optional(text('URL of its API.')),
  },
  ...{
    version: text(),
    draining: flag('It takes no more runs.'),
    memory_bytes: whole(),
    max_runs: whole(),
    running: whole(),
  },
  ...{ started_at: time(), beat_at: time() },
});

const RECONCILER = object({
  ...{ host: text(), checkout: text('`folder@host` or `repo@ref`.'), read_only: flag(), revision: optional(text()) },
  ...{ checked_at: optional(time()), problem: { anyOf: [map('Why the files cannot be applied.'), { type: 'null' }] } },
});

/** Daemons that are there, and the checkout that one of them follows. */
export function nodeRoutes({ store, door }: ApiContext): ApiRoute[] {
  return [
    {
      ...{
        method: 'GET',
        path: '/nodes',
        role: 'viewer',
        tag: 'Nodes',
        operation: 'listNodes',
        summary: 'Daemons of this target',
      },
      answers: {
        200: answer(
          'Those that were heard of within the last 15 s.',
          object({ nodes: list(NODE), reconciler: { anyOf: [RECONCILER, { type: 'null' }] } }),
        ),
      },
      handle: async () => {
        const [nodes, found] = await Promise.all([store.nodes.list(door.key), store.nodes.reconciler(door.key)]);
        const reconciler = found && {
          ...{ host: found.host, checkout: found.checkout, read_only: found.read_only, revision: found.revision },
          ...{ checked_at: found.checked_at, problem: found.problem },
        };
        return { nodes: nodes.map(({ project: _p, target: _t, ...node }) => node), reconciler };
      },
    },
  ];
}
