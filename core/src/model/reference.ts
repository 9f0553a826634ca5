/**
 * The kinds of references: `${env:NAME}`, `${var:name}`, `${file:path}`, `${stream:name}`, `${window:start|%Y-%m-%d}`,
 * `${secret:provider/path#key}`.
 */
type ReferenceKind = 'env' | 'var' | 'file' | 'stream' | 'window' | 'secret';

/** A piece of a text: literal, or a reference, or something that looks like one and is not. */
export type TextPart =
  | { kind: 'literal'; text: string; start: number; end: number }
  | { kind: ReferenceKind; name: string; fallback: string | null; pattern?: string; start: number; end: number }
  | { kind: 'bad'; text: string; start: number; end: number };

const FORM = /^(env|var|file|stream|window|secret):(.*)$/s;

/** Splits a text into literals and references; `$${` is a literal `${`. Concatenating all parts covers the whole text. */
export function textParts(text: string): TextPart[] {
  const parts: TextPart[] = [];
  let from = 0;
  let at = 0;
  const literal = (end: number, value: string): void => {
    if (value !== '') parts.push({ kind: 'literal', text: value, start: from, end });
  };
  for (;;) {
    const open = text.indexOf('${', at);
    if (open < 0) break;
    if (open > from && text[open - 1] === '$') {
      literal(open + 2, `${text.slice(from, open - 1)}\${`);
      from = at = open + 2;
      continue;
    }
    literal(open, text.slice(from, open));
    const close = text.indexOf('}', open);
    const end = close < 0 ? text.length : close + 1;
    parts.push(readReference(text.slice(open, end), open, end, close >= 0));
    from = at = end;
  }
  literal(text.length, text.slice(from));
  return parts;
}

function readReference(text: string, start: number, end: number, closed: boolean): TextPart {
  const bad: TextPart = { kind: 'bad', text, start, end };
  const match = closed ? FORM.exec(text.slice(2, -1)) : null;
  if (!match) return bad;
  const kind = match[1] as ReferenceKind;
  const body = match[2] ?? '';
  if (kind === 'env') {
    const env = /^([A-Za-z_]\w*)(?::-(.*))?$/s.exec(body);
    return env ? { kind, name: env[1] ?? '', fallback: env[2] ?? null, start, end } : bad;
  }
  if (kind === 'window') {
    const window = /^(start|end)(?:\|(.+))?$/s.exec(body);
    if (!window) return bad;
    const pattern = window[2] === undefined ? {} : { pattern: window[2] };
    return { kind, name: window[1] ?? '', fallback: null, ...pattern, start, end };
  }
  if (kind === 'secret') return secretAddress(body) ? { kind, name: body, fallback: null, start, end } : bad;
  const valid =
    kind === 'file' ? body.trim() !== '' : kind === 'stream' ? body === 'name' : /^[A-Za-z_][\w-]*$/.test(body);
  return valid ? { kind, name: body, fallback: null, start, end } : bad;
}

/** Where a secret lies. */
export interface SecretAddress {
  /** Name of the provider in the project. */
  provider: string;
  /** The secret's place at the provider, such as `crm/database`. */
  path: string;
  /** Key inside the secret; null: the secret itself. */
  key: string | null;
}

/** The parts of `provider/path#key`; null where a text is none. A path has no empty part and none that leads upward. */
export function secretAddress(name: string): SecretAddress | null {
  const match = /^([A-Za-z_][\w-]*)\/([^#\s]+)(?:#([^#\s]+))?$/.exec(name);
  if (!match) return null;
  const [, provider = '', path = '', key = null] = match;
  return path.split('/').some((part) => /^\.{0,2}$/.test(part)) ? null : { provider, path, key };
}

/** Whether a text holds anything but literals. */
export function holdsReference(text: string): boolean {
  return text.includes('${') && textParts(text).some((part) => part.kind !== 'literal');
}

/** Writes a value so that reading it gives the value again, whatever it holds. */
export function escapeReferences(value: string): string {
  // A function, because `$$` in a replacement text stands for one dollar.
  return value.replaceAll('${', () => '$${');
}
