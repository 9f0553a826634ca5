import type { YAMLParseError } from 'yaml';
import type { DiagnosticCode } from '../model/codes.ts';
import type { Diagnostic, Fix, Range } from '../model/diagnostic.ts';
import { lineAt } from './position.ts';
import { quoteYaml } from './quote.ts';
import { tabFault } from './tabs.ts';

export const NO_SPACE = 'A space is missing after this colon.';
export const TOO_DEEP = 'This is nested too deeply to be read.';

interface Fault {
  diagnostic: Diagnostic;
  /** Only this line is wrong: what the parser says about other lines still holds. */
  local: boolean;
}

/**
 * Turns the parser's errors into findings on the text that its author got wrong: the parser often points at a comment or a
 * line end near it, and follows one slip with many errors. One finding a line; after a slip that leaves the rest
 * unreadable, none.
 */
export function describeFaults(text: string, errors: readonly YAMLParseError[]): Diagnostic[] {
  const sorted = [...errors].sort((a, b) => a.pos[0] - b.pos[0]);
  const lines = new Set<number>();
  const found: Diagnostic[] = [];
  for (const error of sorted) {
    const { diagnostic, local } = describe(text, error);
    const line = lineAt(text, diagnostic.range.start).start;
    if (lines.has(line) || (found.length > 0 && !local)) continue;
    lines.add(line);
    found.push(diagnostic);
    if (!local) break;
  }
  return found;
}

function describe(text: string, error: YAMLParseError): Fault {
  const [at] = error.pos;
  if (error.code === 'TAB_AS_INDENT') return { diagnostic: tabFault(text, at, at + 1), local: true };
  if (error.code === 'BAD_DQ_ESCAPE') return { diagnostic: badEscape(text, at), local: true };
  if (/call stack/.test(error.message)) {
    return { diagnostic: fault('yaml/syntax', contentFrom(text, 0), TOO_DEEP), local: false };
  }
  const trap = findTrap(text, at);
  if (trap) return { diagnostic: trap, local: true };
  if (/closing|end with a|end with [\]}]/.test(error.message))
    return { diagnostic: unclosed(text, at, error), local: false };
  if (error.code === 'MULTILINE_IMPLICIT_KEY' || error.code === 'BLOCK_AS_IMPLICIT_KEY') {
    return { diagnostic: badKey(text, at), local: false };
  }
  if (error.code === 'BAD_INDENT' || /without - indicator/.test(error.message)) {
    return { diagnostic: badIndent(text, contentFrom(text, at)), local: false };
  }
  if (/followed by map values/.test(error.message))
    return { diagnostic: noColon(text, contentFrom(text, at)), local: false };
  const range = contentFrom(text, at);
  const reason = error.message.split('\n')[0]?.replace(/ at line .*$/, '') ?? '';
  return { diagnostic: fault('yaml/syntax', range, `This is not YAML: ${reason}.`), local: false };
}

function fault(code: DiagnosticCode, range: Range, message: string, fix?: Fix): Diagnostic {
  return { code, severity: 'error', message, range, path: '', ...(fix ? { fix } : {}) };
}

const TRAP_TEXT: Readonly<Record<string, string>> = {
  '*': 'is an alias to YAML',
  '&': 'is an anchor to YAML',
  '!': 'is a tag to YAML',
  '%': 'cannot begin a text in YAML',
  '@': 'cannot begin a text in YAML',
  '`': 'cannot begin a text in YAML',
  '[': 'begins a list in YAML',
  '{': 'begins a mapping in YAML',
  '"': 'begins a quoted text in YAML, and more follows after its end',
  "'": 'begins a quoted text in YAML, and more follows after its end',
  '>': 'begins a folded text in YAML',
  '|': 'begins a block text in YAML',
};

export function spaceAt(at: number): Fix {
  return { title: 'Put a space after the colon', edits: [{ range: { start: at, end: at }, text: ' ' }] };
}

/** `{{ name }}`, as other tools write what is put in: two mappings to YAML. */
export function templateAt(text: string, start: number): { range: Range; message: string } | null {
  const found = /^\{\{-?\s*([^{}\r\n]*?)\s*-?\}\}/.exec(text.slice(start, start + 300));
  if (!found) return null;
  const name = /(\w+)\W*$/.exec(found[1] ?? '')?.[1] ?? 'name';
  return {
    range: { start, end: start + found[0].length },
    message: `\`${found[0]}\` is no reference here: write \`\${var:${name}}\`, or \`\${env:${name.toUpperCase()}}\` for an environment variable.`,
  };
}

/** A value that YAML takes apart, on the line of an error: the text must be quoted. */
function findTrap(text: string, at: number): Diagnostic | null {
  const line = lineAt(text, at);
  const reference = referenceInFlow(line, at);
  if (reference)
    return quoteFault(
      text,
      reference,
      'YAML takes the braces of a reference for a mapping inside `{…}`; put it in quotes.',
    );
  const split = mappingInFlow(line, at);
  if (split) return quoteFault(text, split, '`: ` inside a text begins a mapping in YAML; put the text in quotes.');
  const value = valueIn(line);
  if (!value || at < value.start) return null;
  const first = value.text[0] ?? '';
  const { range } = quoteRest(text, value.start);
  const template = templateAt(text, value.start);
  if (template) return fault('yaml/quote', template.range, template.message);
  if (first in TRAP_TEXT) {
    if (!breaksApart(value.text, first)) return null;
    const extra = /^(?:\[[^[\]{}]*\]|\{[^[\]{}]*\})(\s*)([\]}])\s*(?:#.*)?$/.exec(value.text);
    if (extra) return closesNothing(value.start + value.text.lastIndexOf(extra[2] ?? ''), extra[2] ?? '');
    return quoteFault(text, range, `\`${first}\` ${TRAP_TEXT[first]}; put the text in quotes.`);
  }
  if (!/:(?:\s|$)/.test(value.text)) return null;
  return quoteFault(text, range, '`: ` inside a text begins a mapping in YAML; put the text in quotes.');
}

function closesNothing(start: number, mark: string): Diagnostic {
  const range = { start, end: start + 1 };
  const fix = { title: 'Take it out', edits: [{ range, text: '' }] };
  return fault('yaml/syntax', range, `This \`${mark}\` closes nothing.`, fix);
}

/** Whether a value that begins with an indicator goes on after what the indicator begins. */
function breaksApart(value: string, first: string): boolean {
  if (first === '"') return /^"(?:[^"\\]|\\.)*"\s*[^\s#]/.test(value);
  if (first === "'") return /^'(?:[^']|'')*'\s*[^\s#]/.test(value);
  if (first === '[') return /^\[[^\]]*\]\s*[^\s#]/.test(value);
  if (first === '{') return /^\{[^}]*\}\s*[^\s#]/.test(value);
  if (first === '>' || first === '|') return /^[>|]\s+[^\s#]/.test(value);
  return true;
}

/** The value of a `key: value` or `- value` line. */
function valueIn(line: { text: string; start: number }): { text: string; start: number } | null {
  const match = /^\s*(?:- +)*(?:(?:[^\s:#'"{[\]},&*!|>%@`-][^:#]*?|"[^"]*"|'[^']*') *: +)?/.exec(line.text);
  const skip = match?.[0].length ?? 0;
  const text = line.text.slice(skip).trimEnd();
  return skip > 0 && text !== '' ? { text, start: line.start + skip } : null;
}

/** A `${…}` without quotes inside `{…}` or `[…]` on the line of an error. */
function referenceInFlow(line: { text: string; start: number }, at: number): Range | null {
  for (const match of line.text.matchAll(/[^\s,[\]{}'"]*\$\{[^}'"]*\}[^\s,[\]{}'"]*/g)) {
    const start = line.start + match.index;
    const before = line.text.slice(0, match.index);
    const inFlow = /[[{][^\]}]*$/.test(before) && !/["']$/.test(before);
    if (inFlow && at >= start && at <= start + match[0].length) return { start, end: start + match[0].length };
  }
  return null;
}

/** The value of a key inside `{…}` that holds `: `, such as `{type: struct<a: int>}`. */
function mappingInFlow(line: { text: string; start: number }, at: number): Range | null {
  for (const match of line.text.matchAll(/[{,]\s*[\w.-]+:[ ]+(?=[^\s"'{[])/g)) {
    const from = match.index + match[0].length;
    const value = flowValue(line.text.slice(from)).trimEnd();
    const start = line.start + from;
    if (/:\s/.test(value) && at >= start && at <= start + value.length) return { start, end: start + value.length };
  }
  return null;
}

function quoteFault(text: string, range: Range, message: string): Diagnostic {
  return fault('yaml/quote', range, message, quoteFix(text, range));
}

function quoteFix(text: string, range: Range): Fix {
  const quoted = quoteYaml(text.slice(range.start, range.end));
  return { title: 'Put the text in quotes', edits: [{ range, text: quoted }] };
}

/** The text from an offset to where its value ends on the line, a comment left out, and the edit that quotes it. */
export function quoteRest(text: string, start: number): { range: Range; fix: Fix } {
  const line = lineAt(text, start);
  const before = line.text.slice(0, start - line.start);
  let rest = line.text.slice(start - line.start);
  if (/[[{][^\]}]*$/.test(before)) rest = flowValue(rest);
  const comment = /\s#\s/.exec(rest);
  const length = (comment ? rest.slice(0, comment.index) : rest).trimEnd().length;
  const range = { start, end: start + Math.max(1, length) };
  return { range, fix: quoteFix(text, range) };
}

function flowValue(rest: string): string {
  let depth = 0;
  for (let i = 0; i < rest.length; i++) {
    const ch = rest[i]!;
    if ('([{<'.includes(ch)) depth++;
    else if (ch === '>') depth = Math.max(0, depth - 1);
    else if (')]}'.includes(ch) && depth-- === 0) return rest.slice(0, i);
    else if (ch === ',' && depth === 0) return rest.slice(0, i);
  }
  return rest;
}

/** From an offset to the next written token: past spaces, line ends and comments. */
function contentFrom(text: string, at: number): Range {
  const skip = /(?:\s+|#[^\r\n]*)*/y;
  skip.lastIndex = at;
  const start = Math.min(at + (skip.exec(text)?.[0].length ?? 0), Math.max(0, text.length - 1));
  if (start >= text.length - 1 && text[start]?.trim() === '') return { start: at, end: at };
  const word = /(?:[^\s:]|:(?!\s|$))+/y;
  word.lastIndex = start;
  return { start, end: start + Math.max(1, word.exec(text)?.[0].length ?? 1) };
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}

function badIndent(text: string, range: Range): Diagnostic {
  const line = lineAt(text, range.start);
  const own = indentOf(line.text);
  const tabs = /^ *(\t+)/.exec(line.text)?.[1];
  if (tabs !== undefined) {
    const at = line.start + line.text.indexOf('\t');
    return tabFault(text, at, at + tabs.length);
  }
  const expected = levelsAbove(text, line.start).filter((level) => level !== own);
  const nearest = expected.sort((a, b) => Math.abs(a - own) - Math.abs(b - own))[0];
  const spaces = own === 1 ? '1 space' : `${own} spaces`;
  const hint = nearest === undefined ? '' : `; ${nearest} would match the lines above`;
  return fault('yaml/indent', range, `This line is indented by ${spaces}, which fits nothing above it${hint}.`);
}

/** Indentations of the lines that a line could continue. */
function levelsAbove(text: string, lineStart: number): number[] {
  const levels: number[] = [];
  let least = Number.POSITIVE_INFINITY;
  for (const line of text.slice(0, lineStart).split(/\r?\n/).reverse()) {
    if (line.trim() === '' || line.trimStart().startsWith('#')) continue;
    const own = indentOf(line);
    const inner = own + (/^(?:- +)+/.exec(line.trimStart())?.[0].length ?? 0);
    if (inner < least) levels.push(inner);
    if (own < least) levels.push(own);
    least = Math.min(least, own);
    if (own === 0) break;
  }
  return levels;
}

function noColon(text: string, range: Range): Diagnostic {
  const line = lineAt(text, range.start);
  const end = line.start + line.text.replace(/\s+#.*$/, '').trimEnd().length;
  return fault(
    'yaml/syntax',
    { start: range.start, end: Math.max(end, range.end) },
    'A key and its `: ` are expected here; a text that goes on is indented further.',
  );
}

/** A key over several lines: its `:` or a space is missing, or the next line is indented too far. */
function badKey(text: string, at: number): Diagnostic {
  const range = contentFrom(text, at);
  const line = lineAt(text, range.start);
  const glued = /^\s*(?:- +)*([A-Za-z_][\w-]*):(?=[^\s:/])/.exec(line.text);
  if (glued) {
    const colon = line.start + glued[0].length;
    const range = { start: colon - 1 - (glued[1]?.length ?? 0), end: colon };
    return fault('yaml/syntax', range, NO_SPACE, spaceAt(colon));
  }
  const next = contentFrom(text, line.start + line.text.length);
  const nextLine = lineAt(text, next.start);
  if (/:(\s|$)/.test(line.text) && indentOf(nextLine.text) > indentOf(line.text)) return badIndent(text, next);
  if (/^\s*- /.test(line.text)) return badIndent(text, contentFrom(text, line.start));
  return noColon(text, contentFrom(text, line.start));
}

function unclosed(text: string, at: number, error: YAMLParseError): Diagnostic {
  const quote = /"quote/.test(error.message) ? '"' : /'quote/.test(error.message) ? "'" : null;
  const before = text.slice(0, at);
  const start = quote ? lastOpening(before, quote) : lastBracket(before);
  const mark = text[start] ?? '';
  const outside = lineOutside(text, start);
  if (outside) return outside;
  return fault('yaml/syntax', { start, end: start + 1 }, `This \`${mark}\` is not closed.`);
}

/** A line that stands no further in than the key whose value it should continue, where that value is closed further down. */
function lineOutside(text: string, start: number): Diagnostic | null {
  const length = CLOSED.exec(text.slice(start))?.[0].length;
  if (length === undefined) return null;
  const first = lineAt(text, start);
  const least = indentOf(first.text);
  for (let line = nextLine(text, first); line.start < start + length; line = nextLine(text, line)) {
    const range = contentFrom(text, line.start);
    const tabs = /^ *(\t+)/.exec(line.text)?.[1];
    const at = line.start + line.text.indexOf('\t');
    if (tabs !== undefined) return tabFault(text, at, at + tabs.length);
    if (line.text.trim() === '' || indentOf(line.text) > least) continue;
    const message = `This line goes on with what \`${text[start]}\` began above: it is indented further than that line.`;
    return fault('yaml/indent', range, message);
  }
  return null;
}

const CLOSED = /^(?:"(?:[^"\\]|\\[\s\S])*"|'(?:[^']|'')*'|\[[^[\]{}"']*\]|\{[^[\]{}"']*\})/;

function nextLine(text: string, line: { text: string; start: number }): { text: string; start: number } {
  const start = line.start + line.text.length + (text.startsWith('\r\n', line.start + line.text.length) ? 2 : 1);
  return start > text.length ? { text: '', start: text.length } : lineAt(text, start);
}

function lastOpening(text: string, quote: string): number {
  for (let i = text.length - 1; i >= 0; i--) {
    if (text[i] === quote && (i === 0 || /[\s[{,]/.test(text[i - 1] ?? ''))) return i;
  }
  return 0;
}

function lastBracket(text: string): number {
  let depth = 0;
  for (let i = text.length - 1; i >= 0; i--) {
    const ch = text[i];
    if (ch === ']' || ch === '}') depth++;
    else if ((ch === '[' || ch === '{') && depth-- === 0) return i;
  }
  return Math.max(0, text.search(/[[{]/));
}

function badEscape(text: string, at: number): Diagnostic {
  const range = { start: at, end: Math.min(at + 2, text.length) };
  const shown = text.slice(range.start, range.end);
  const message = `\`${shown}\` is no escape inside double quotes; use single quotes, where a backslash is itself.`;
  const start = lastOpening(text.slice(0, at), '"');
  const whole = /^"(?:[^"\\\r\n]|\\.)*"/.exec(text.slice(start))?.[0];
  if (!whole || /\\["ntr\\]/.test(whole)) return fault('yaml/escape', range, message);
  const single = `'${whole.slice(1, -1).replaceAll("'", "''")}'`;
  const edit = { range: { start, end: start + whole.length }, text: single };
  return fault('yaml/escape', range, message, { title: 'Use single quotes', edits: [edit] });
}
