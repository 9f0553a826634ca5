import type { Spec } from '../../model/component.ts';
import * as specs from '../../specs.ts';
import { child, entryOf, type Node, textOf } from '../../text/node.ts';
import type { Report } from '../host.ts';
import type { Rule } from '../rule.ts';

/** A secret that stands in a file is in the repository, the plan and the state: it must be a reference. */
export const secrets: Rule = {
  stream({ stream, report }) {
    const source = child(stream.node, 'source');
    const destination = child(stream.node, 'destination');
    checkNode(source, own(specs.sources, textOf(source, 'type')), textOf(stream.node, 'name') ?? 'source', report);
    checkNode(
      destination,
      own(specs.destinations, textOf(destination, 'type')),
      textOf(stream.node, 'name') ?? 'destination',
      report,
    );
  },
  project({ scope, report }) {
    const key = child(scope.root, 'masking', 'key');
    if (key?.kind === 'scalar' && key.value !== null && !String(key.value).includes('${'))
      literalSecret('key', key, 'masking', report);
    for (const [name, connection] of scope.connections) {
      const type = connection.type;
      checkNode(connection.node, own(specs.sources, type), name, report);
      checkNode(connection.node, own(specs.destinations, type), name, report);
    }
  },
};

function own(map: Readonly<Record<string, Spec>>, key: string | undefined): Spec | undefined {
  return key !== undefined && Object.hasOwn(map, key) ? map[key] : undefined;
}

function checkNode(node: Node | undefined, spec: Spec | undefined, owner: string, report: Report): void {
  for (const key of spec?.secrets ?? []) {
    const path = key.split('.');
    const value = entryOf(child(node, ...path.slice(0, -1)), path.at(-1) ?? '')?.value;
    if (value?.kind !== 'scalar' || value.value === null || !holdsSecret(String(value.value))) continue;
    literalSecret(key, value, owner, report);
  }
}

function literalSecret(key: string, value: Node, owner: string, report: Report): void {
  const text = `\${env:${`${owner}_${key.slice(key.lastIndexOf('.') + 1)}`.toUpperCase().replace(/\W/g, '_')}}`;
  const fix = { title: `Write \`${text}\``, edits: [{ range: value.range, text }] };
  report('secret/literal', value, `\`${key}\` is a secret: it must come from outside, such as \`${text}\`.`, { fix });
}

/** Addresses count only where they carry a password. */
function holdsSecret(value: string): boolean {
  if (value === '' || value.includes('${')) return false;
  return !value.includes('://') || /:\/\/[^/?#\s]*:[^/?#\s]+@/.test(value) || /[?&;](?:password|pwd)=/i.test(value);
}
