import type { Fix, Range } from '../model/diagnostic.ts';
import { escapeReferences, secretAddress, type TextPart, textParts } from '../model/reference.ts';
import { STRFTIME_FIELDS, strftimeFault } from '../schedule/strftime.ts';
import type { ScalarNode } from '../text/node.ts';
import type { Report } from './host.ts';
import { listWords, nearest } from './suggest.ts';

export interface ReferenceScope {
  /** Values of `${var:…}` of the target; undefined for a declared variable without one. */
  variables: ReadonlyMap<string, string | undefined>;
  /** Names that `${secret:NAME/…}` may begin with; undefined where none can stand. */
  providers?: ReadonlySet<string>;
  /** The document's text, to find a reference inside a node. */
  text: string;
}

/**
 * Checks the references of a text and puts variables in; the others stay symbols where `runtime` allows them. The result is
 * text of the language still: a literal `${` in it, or in a variable's value, is written `$${`.
 */
export function putVariables(
  node: ScalarNode,
  text: string,
  runtime: boolean,
  scope: ReferenceScope,
  report: Report,
): string {
  if (!text.includes('${')) return text;
  let result = '';
  for (const part of textParts(text)) {
    if (part.kind === 'literal') {
      result += escapeReferences(part.text);
      continue;
    }
    const written = text.slice(part.start, part.end);
    if (part.kind === 'var') result += variable(node, part.name, written, scope, report);
    else {
      reportFault(node, part, written, runtime, scope, report);
      result += written;
    }
  }
  return result;
}

function variable(node: ScalarNode, name: string, written: string, scope: ReferenceScope, report: Report): string {
  const value = scope.variables.get(name);
  if (value !== undefined) return escapeReferences(value);
  const range = rangeIn(node, written, scope.text);
  if (scope.variables.has(name)) {
    report('reference/unknown-variable', node, `The variable \`${name}\` has no value in this target and no default.`, {
      range,
    });
    return written;
  }
  const known = [...scope.variables.keys()];
  const near = nearest(name, known);
  const hint = near
    ? `; did you mean \`${near}\`?`
    : known.length > 0
      ? `; there are ${listWords(known)}.`
      : ': `variables` in sluice.yaml is empty.';
  const fix = near ? edit(`Use \`${near}\``, range, `\${var:${near}}`) : undefined;
  report('reference/unknown-variable', node, `There is no variable \`${name}\`${hint}`, { range, fix });
  return written;
}

function reportFault(
  node: ScalarNode,
  part: TextPart,
  written: string,
  runtime: boolean,
  scope: ReferenceScope,
  report: Report,
): void {
  const range = rangeIn(node, written, scope.text);
  if (part.kind === 'bad') {
    const bare = /^\$\{([A-Za-z_]\w*)((?::-[^}]*)?)\}$/.exec(written);
    if (!bare) {
      report(
        'reference/form',
        node,
        `\`${written}\` is no reference; there are \`\${env:NAME}\`, \`\${env:NAME:-default}\`, \`\${var:name}\`, \`\${file:path}\`, \`\${stream:name}\`, \`\${window:start}\`, \`\${window:end}\` and \`\${secret:provider/path#key}\`. A literal \`\${\` is written \`$\${\`.`,
        { range },
      );
      return;
    }
    const text = `\${env:${bare[1]}${bare[2]}}`;
    report(
      'reference/bare',
      node,
      `Write \`${text}\` for an environment variable; a literal \`\${\` is written \`$\${\`.`,
      { range, fix: edit(`Write \`${text}\``, range, text) },
    );
    return;
  }
  if (part.kind === 'window') {
    windowFault(node, part, range, report);
    return;
  }
  if (!runtime) {
    report(
      'reference/place',
      node,
      `\`${written}\` cannot stand here: this must be known before a run starts. \`\${var:…}\` can.`,
      { range },
    );
  } else if (part.kind === 'secret') {
    secretFault(node, part.name, range, scope, report);
  } else if (part.kind === 'file' && leavesProject(part.name)) {
    report('reference/file', node, 'A file must be inside the project folder or /run/secrets.', { range });
  }
}

function secretFault(
  node: ScalarNode,
  name: string,
  range: Range,
  { providers }: ReferenceScope,
  report: Report,
): void {
  const provider = secretAddress(name)?.provider ?? '';
  if (!providers) {
    const message =
      'A secret of a provider cannot stand here: this is needed before any can be looked up. `${env:…}` and `${file:…}` can.';
    report('reference/place', node, message, { range });
    return;
  }
  if (providers.has(provider)) return;
  const near = nearest(provider, [...providers]);
  const hint = near ? `did you mean \`${near}\`?` : `there are ${listWords([...providers])}.`;
  const text = `\${secret:${near}${name.slice(provider.length)}}`;
  const fix = near ? edit(`Use \`${near}\``, range, text) : undefined;
  report('secret/provider', node, `There is no secret provider \`${provider}\`; ${hint}`, { range, fix });
}

/** A window's bounds select what is read: they stand under `source` and nowhere else. */
function windowFault(node: ScalarNode, part: { pattern?: string }, range: Range, report: Report): void {
  if (!/^(?:\/streams\/\d+|\/defaults\/\d+\/set)?\/source\//.test(node.path)) {
    report('reference/place', node, 'A window stands in `source` only.', { range });
    return;
  }
  const fault = part.pattern === undefined ? null : strftimeFault(part.pattern);
  if (fault === null) return;
  const message = `\`${fault}\` is no field of a window's pattern; there are ${STRFTIME_FIELDS.join(' ')}.`;
  report('value/strftime', node, message, { range });
}

function leavesProject(path: string): boolean {
  if (path.startsWith('/run/secrets/')) return path.split('/').includes('..');
  return /^(?:[/\\~]|[A-Za-z]:)/.test(path) || path.split(/[/\\]/).includes('..');
}

function edit(title: string, range: { start: number; end: number }, text: string): Fix {
  return { title, edits: [{ range, text }] };
}

/** Where a piece of a node's text stands; the whole node where the text is written with escapes. */
function rangeIn(node: ScalarNode, written: string, text: string): { start: number; end: number } {
  const at = text.indexOf(written, node.range.start);
  return at >= 0 && at + written.length <= node.range.end ? { start: at, end: at + written.length } : node.range;
}
