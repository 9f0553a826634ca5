import { Lexer } from 'yaml';
import type { Diagnostic } from '../model/diagnostic.ts';
import { lineAt } from './position.ts';

/** Reports tabs that stand as space between tokens; inside texts and comments they are the author's. */
export function findTabs(text: string, faults: readonly Diagnostic[]): Diagnostic[] {
  if (!text.includes('\t')) return [];
  const found: Diagnostic[] = [];
  const lines = new Set(faults.map((fault) => lineAt(text, fault.range.start).start));
  let offset = 0;
  for (const token of new Lexer().lex(text)) {
    if (token === '\u0002' || token === '\u0018' || token === '\u001f') continue;
    const at = token.indexOf('\t');
    if (at >= 0 && /^[ \t\r\n]+$/.test(token)) {
      const start = offset + at;
      const end = start + (/^\t+/.exec(token.slice(at))?.[0].length ?? 1);
      const line = lineAt(text, start).start;
      if (!lines.has(line) && lineAt(text, start).text.trim() !== '') found.push(tabFault(text, start, end));
      lines.add(line);
    }
    offset += token.length;
  }
  return found;
}

export function tabFault(text: string, start: number, end: number): Diagnostic {
  const spaces = text.slice(start, end).replaceAll('\t', '  ');
  return {
    code: 'yaml/tab',
    severity: 'error',
    message: 'A tab stands here as space; YAML files are indented with spaces.',
    range: { start, end },
    path: '',
    fix: { title: 'Replace the tab by spaces', edits: [{ range: { start, end }, text: spaces }] },
  };
}
