import type { Spec } from '../../model/component.ts';
import { type Schema, secretKeys } from '../../spec/schema.ts';
import * as specs from '../../specs.ts';
import { child, entryOf, type Node, textOf } from '../../text/node.ts';
import { channelTypes } from '../channel-schema.ts';
import type { Report } from '../host.ts';
import type { Rule } from '../rule.ts';
import { providerTypes } from '../secrets-schema.ts';

/** A secret that stands in a file is in the repository, the plan and the state: it must be a reference. */
export const secrets: Rule = {
  stream({ stream, report }) {
    const source = child(stream.node, 'source');
    if (source) freeText(source, textOf(stream.node, 'name') ?? 'source', report);
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
    checkWhole(child(scope.root, 'masking'), ['key'], 'masking', report);
    checkWhole(child(scope.root, 'api'), ['hook_secret'], 'api', report);
    for (const [types, entries] of [
      [channelTypes, scope.channels],
      [providerTypes, scope.secrets],
    ] as const) {
      for (const [name, { type, node }] of entries) {
        freeText(node, name, report);
        checkWhole(node, secretKeys(own<Schema>(types, type)), name, report);
      }
    }
    for (const [name, connection] of scope.connections) {
      const type = connection.type;
      freeText(connection.node, name, report);
      checkNode(connection.node, own(specs.sources, type), name, report);
      checkNode(connection.node, own(specs.destinations, type), name, report);
    }
  },
};

function own<T>(map: Readonly<Record<string, T>>, key: string | undefined): T | undefined {
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

/** Here an address is a secret whatever it holds. */
function checkWhole(node: Node | undefined, keys: readonly string[], owner: string, report: Report): void {
  for (const key of keys) {
    const value = child(node, key);
    if (value?.kind === 'scalar' && value.value !== null && !String(value.value).includes('${'))
      literalSecret(key, value, owner, report);
  }
}

const SECRET_WORD = String.raw`(?:\w+[-_])*(?:(?:api|access|secret|private|subscription)[-_]?key|token|secret|password|passwd|pwd|signature|sig)`;
const SECRET_NAME = new RegExp(`^(?:(?:proxy-)?authorization|cookie|${SECRET_WORD})$`, 'i');
const SECRET_PARAMETER = new RegExp(String.raw`[?&]${SECRET_WORD}=[^&#\s$]+`, 'i');

/** Headers, parameters and addresses are free text, in which credentials are told by their names. */
function freeText(node: Node, owner: string, report: Report): void {
  for (const bag of ['headers', 'params']) {
    const found = child(node, bag);
    for (const { key, value } of found?.kind === 'map' ? found.entries : []) {
      const isLiteral = value.kind === 'scalar' && value.value !== null && !/^$|\$\{/.test(value.source);
      if (isLiteral && SECRET_NAME.test(key.source)) literalSecret(key.source, value, owner, report);
    }
  }
  for (const name of ['base_url', 'path', 'url']) {
    const value = entryOf(node, name)?.value;
    if (value?.kind !== 'scalar' || !SECRET_PARAMETER.test(value.source)) continue;
    report(
      'secret/literal',
      value,
      'A credential stands in this address: put it under `auth` or `params`, as a reference.',
    );
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
