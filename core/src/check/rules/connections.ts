import * as specs from '../../specs.ts';
import { child, entryOf, textOf } from '../../text/node.ts';
import type { Rule, StreamContext } from '../rule.ts';
import { listWords, nearest } from '../suggest.ts';

/** A connection must exist, be of the system that `type` says, and stand alone: its keys are not repeated beside it. */
export const connections: Rule = {
  stream(context) {
    checkUse(context, 'source', specs.sources);
    checkUse(context, 'destination', specs.destinations);
  },
};

function checkUse(
  { view, stream, project, report }: StreamContext,
  key: 'source' | 'destination',
  of: typeof specs.sources,
): void {
  const use = child(stream.node, key);
  const written = child(use, 'connection');
  const name = textOf(use, 'connection');
  if (!written || name === undefined) return;
  const found = view.scope.connections.get(name);
  if (!found) {
    const known = [...view.scope.connections.keys()];
    const near = nearest(name, known);
    const hint = near
      ? `; did you mean \`${near}\`?`
      : known.length > 0
        ? `; there are ${listWords(known)}.`
        : ': it has none.';
    const fix = near ? { title: `Use \`${near}\``, edits: [{ range: written.range, text: near }] } : undefined;
    const message = project.files.config
      ? `sluice.yaml has no connection \`${name}\`${hint}`
      : `There is no sluice.yaml and so no connection \`${name}\`; write its keys here instead.`;
    report('connection/unknown', written, message, { fix });
    return;
  }
  const type = textOf(use, 'type');
  if (found.type !== undefined && type !== undefined && found.type !== type) {
    report(
      'connection/type',
      child(use, 'type') ?? written,
      `The connection \`${name}\` is \`${found.type}\`, not \`${type}\`.`,
    );
    return;
  }
  if (type === undefined || !Object.hasOwn(of, type)) return;
  for (const own of Object.keys(of[type]!.connection?.properties ?? {})) {
    const inline = entryOf(use, own);
    if (inline)
      report(
        'connection/inline',
        inline.key,
        `\`${own}\` belongs to the connection \`${name}\`; write it there, or leave \`connection\` out.`,
      );
  }
}
