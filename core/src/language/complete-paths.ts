import type { Schema } from '../spec/schema.ts';
import * as specs from '../specs.ts';
import { child, type ScalarNode, textOf } from '../text/node.ts';
import type { Caret } from './caret.ts';
import { snippetText, yamlText } from './snippets.ts';
import type { Completion, LanguageContext } from './types.ts';
import { nodeOf, pathParts } from './visits.ts';

/** Files and folders of this machine, where a path of it is wanted. */
export async function completePaths(
  context: LanguageContext,
  caret: Caret,
  node: ScalarNode,
  schema: Schema,
): Promise<Completion[]> {
  const kind = schema['x-kind'];
  if ((kind !== 'glob' && kind !== 'path') || !context.host.list || caret.block) return [];
  const root = rootOf(context, caret, node, kind);
  if (root === null || /[*?{$]/.test(caret.typed)) return [];
  const slash = caret.typed.lastIndexOf('/') + 1;
  const folder = caret.typed.slice(0, slash);
  const where = folder.startsWith('/') ? folder : joined(root, folder);
  const entries = await context.host.list(where.length > 1 ? where.replace(/\/$/, '') : where);
  const files = entries.filter(({ name }) => !name.startsWith('.'));
  const endings = new Set(
    files.flatMap(({ name, folder: isFolder }) => (isFolder ? [] : (/\.\w+(?:\.gz)?$/.exec(name)?.[0] ?? []))),
  );
  const item = (name: string, isFolder: boolean, detail = ''): Completion => {
    const text = `${folder}${name}${isFolder ? '/' : ''}`;
    return {
      label: text,
      kind: isFolder ? 'folder' : 'file',
      detail,
      insert: snippetText(caret.quote || isFolder ? text : yamlText(text)),
      range: caret.range,
    };
  };
  const sorted = [...files].sort((a, b) => Number(b.folder) - Number(a.folder) || (a.name < b.name ? -1 : 1));
  const globs = kind === 'glob' ? [...endings].sort().map((ending) => item(`*${ending}`, false, 'all of them')) : [];
  return [...globs, ...sorted.map((entry) => item(entry.name, entry.folder))];
}

function joined(root: string, folder: string): string {
  return [root.replace(/\/$/, ''), folder].filter((part) => part !== '').join('/');
}

/** Where paths begin: the connection's root, the project; null where they are not of this machine. */
function rootOf(context: LanguageContext, caret: Caret, node: ScalarNode, kind: string): string | null {
  const parts = pathParts(node.path);
  if (kind === 'path') return '';
  const at = parts.indexOf('source');
  if (at < 0) return '';
  const source = nodeOf(caret.document.root, parts.slice(0, at + 1)) ?? child(caret.document.root, 'source');
  const connection = context.scope.connections.get(textOf(source, 'connection') ?? '');
  const type = textOf(source, 'type') ?? connection?.type ?? textOf(child(caret.document.root, 'source'), 'type');
  const spec = type !== undefined && Object.hasOwn(specs.sources, type) ? specs.sources[type] : undefined;
  if (spec?.capabilities.placement !== 'node') return null;
  const root = textOf(connection?.node, 'root') ?? textOf(source, 'root') ?? '';
  return root.includes('${') ? null : root;
}
