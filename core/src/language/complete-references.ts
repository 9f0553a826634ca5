import { findReferences } from '../check/find-references.ts';
import type { Caret } from './caret.ts';
import { snippetText } from './snippets.ts';
import type { Completion, LanguageContext } from './types.ts';

/** Inside `${…`: the kinds of references and the names that the project knows; null where the caret is in no reference. */
export function completeReference(context: LanguageContext, caret: Caret): Completion[] | null {
  const typed = /(^|[^$])(\$\{[^}\s]*)$/.exec(caret.typed)?.[2];
  if (typed === undefined) return null;
  const { text } = caret;
  const end = caret.range.start + caret.typed.length;
  const closed = /^[\w:./-]*\}/.exec(text.slice(end))?.[0].length ?? 0;
  const range = { start: end - typed.length, end: end + closed };
  const item = (label: string, documentation: string, insert = snippetText(label)): Completion => ({
    label,
    kind: 'variable',
    documentation: () => documentation,
    insert,
    range,
  });
  const variables = [...context.scope.variables].map(([name, value]) =>
    item(
      `\${var:${name}}`,
      value === undefined
        ? 'A variable of sluice.yaml without a value in this target.'
        : `A variable of sluice.yaml; here \`${value}\`.`,
    ),
  );
  const names = [...environmentNames(context)].sort();
  return [
    ...variables,
    ...names.map((name) => item(`\${env:${name}}`, 'An environment variable that this project uses.')),
    item('${env:…}', 'An environment variable.', '\\${env:${1:NAME}\\}'),
    item(
      '${env:…:-…}',
      'An environment variable, or this text where it is not set.',
      '\\${env:${1:NAME}:-${2:default}\\}',
    ),
    item('${file:…}', 'The content of a file inside the project or /run/secrets.', '\\${file:${1:path}\\}'),
    ...[...context.scope.providers].map((provider) =>
      item(
        `\${secret:${provider}/…}`,
        'A secret, looked up when a run starts; a `#key` behind the path picks one value of it.',
        `\\\${secret:${provider}/\${1:path}\\}`,
      ),
    ),
    item('${stream:name}', 'The name of the stream.'),
    ...(/\btype:\s*window\b/.test(text) ? windows(item) : []),
  ];
}

/** Bounds of the run's window, for jobs that have windows. */
function windows(item: (label: string, documentation: string, insert?: string) => Completion): Completion[] {
  const onClock = "by a strftime pattern, on the clock of the schedule's zone";
  return [
    item('${window:start}', 'Where the window of the run begins, as an instant in UTC; under `source` only.'),
    item(
      '${window:end}',
      'Where the window of the run ends, itself left out, as an instant in UTC; under `source` only.',
    ),
    item('${window:start|…}', `Where the window begins, ${onClock}.`, '\\${window:start|${1:%Y-%m-%d}\\}'),
  ];
}

/** Names of environment variables that the project's files use; their values are never looked at. */
function environmentNames(context: LanguageContext): Set<string> {
  const names = new Set<string>();
  const { config, jobs } = context.project.files;
  for (const document of [...(config ? [config] : []), context.document, ...jobs.slice(0, 200)]) {
    if (!document.text.includes('${env:')) continue;
    for (const found of findReferences(document)) if (found.kind === 'env') names.add(found.name);
  }
  return names;
}
