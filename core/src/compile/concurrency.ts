import type { Scope } from '../check/scope.ts';
import { child, type Node, textOf } from '../text/node.ts';

/**
 * The limits of sluice.yaml by the names of what they count, `tag:NAME` and `connection:NAME`. It is to be asked of a sluice.yaml
 * without errors: what is wrong is left out here.
 */
export function concurrencyLimits({ root }: Pick<Scope, 'root'>): Record<string, number> {
  const of = (kind: string, node: Node | undefined): [string, number][] => {
    const entries = node?.kind === 'map' ? node.entries : [];
    return entries.flatMap(({ key, value }) => {
      const limit = Number(textOf(value));
      return Number.isInteger(limit) && limit >= 1 ? [[`${kind}:${key.source}`, limit]] : [];
    });
  };
  const written = child(root, 'concurrency');
  return Object.fromEntries([...of('tag', child(written, 'tags')), ...of('connection', child(written, 'connections'))]);
}
