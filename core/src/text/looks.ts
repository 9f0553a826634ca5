import { Lexer } from 'yaml';
import type { DiagnosticCode } from '../model/codes.ts';
import type { Diagnostic, Fix } from '../model/diagnostic.ts';
import { lineAt } from './position.ts';
import { quoteYaml } from './quote.ts';

/** Characters that show as space, or not at all, and are letters to YAML. */
const BLANK = '\\u00a0\\u1680\\u2000-\\u200d\\u202f\\u205f\\u2060\\u3000\\ufeff';
/** Never part of a word in any script. */
const NOTHING = '\\u200b\\u2060\\ufeff';

/** What is no text that a person types: control characters, and a carriage return that ends no line. */
const CONTROL = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]|\r(?!\n|$)/;
const CONFLICT = /^(?:<{7}|\|{7}|>{7})(?: [^\r\n]*)?\r?$|^={7}\r?$/gm;
/** Only a file with one of these is looked through. */
const SUSPICIOUS = new RegExp(`[${BLANK}“”„‟‘’‚‛：﹕–—−•·]|^[ ]*-[A-Za-z_][^\\r\\n]*$`, 'm');

interface Look {
  pattern: RegExp;
  message: (found: string) => string;
  fix: string;
  text: (found: string) => string;
  /** It has to be the first of its line. */
  first?: boolean;
}

const named = (found: string): string => {
  const code = `U+${(found.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
  return NAMES[code] === undefined ? code : `${NAMES[code]} (${code})`;
};

const NAMES: Readonly<Record<string, string>> = {
  'U+00A0': 'A no-break space',
  'U+200B': 'A space of no width',
  'U+FEFF': 'A byte order mark',
  'U+3000': 'A wide space',
  'U+FF1A': 'A wide colon',
  'U+2013': 'A dash',
  'U+2014': 'A dash',
  'U+2212': 'A minus sign',
  'U+2022': 'A bullet',
};

const blank = (found: string) => `${named(found)} stands here, which is no space to YAML.`;
const spaces = (found: string) =>
  found.replace(new RegExp(`[${BLANK}]`, 'g'), (one) =>
    new RegExp(`[${NOTHING}\\u200c\\u200d]`).test(one) ? '' : ' ',
  );

/** In texts without quotes. Each pattern's groups are what stands before, and what is marked and replaced. */
const LOOKS: readonly Look[] = [
  {
    pattern: new RegExp(`^()([${BLANK}][${BLANK} ]*)`),
    message: blank,
    fix: 'Write it with plain spaces',
    text: spaces,
  },
  {
    pattern: new RegExp(`^([\\w.-]+:|-)([${BLANK}][${BLANK} ]*)`),
    message: blank,
    fix: 'Write it with plain spaces',
    text: (found) => spaces(found) || ' ',
  },
  {
    pattern: new RegExp(`^([^]*?)([${NOTHING}]+|[${BLANK}][${BLANK} ]*$)`),
    message: blank,
    fix: 'Take it out',
    text: () => '',
  },
  {
    pattern: /^()(“[^“”„"]*”|„[^“”„"]*[“”]|”[^“”„"]*”|‘[^‘’‚']*’|‚[^‘’‚']*[‘’]|’[^‘’‚']*’)$/,
    message: (found) =>
      `\`${found[0]}\` is no quote to YAML but a part of the text: write \`"\`, and put a text that has it in such quotes.`,
    fix: 'Write plain quotes',
    text: (found) => quoteYaml(found.slice(1, -1)),
  },
  {
    pattern: /^([\w.-]+)([：﹕])/,
    message: (found) => `${named(found)} stands here; a key ends with the plain \`:\`.`,
    fix: 'Write `: `',
    text: () => ': ',
  },
  {
    pattern: /^()([–—−•·] +)(?=\S)/,
    message: (found) => `${named(found)} stands here; an entry of a list begins with \`- \`.`,
    fix: 'Write `- `',
    text: () => '- ',
    first: true,
  },
  {
    pattern: /^()(-)(?=[A-Za-z_])/,
    message: () => 'A space is missing after this `-`; a text that begins with it stands in quotes.',
    fix: 'Put a space after it',
    text: () => '- ',
    first: true,
  },
];

/** Reports characters that look like those of YAML, or like nothing, and what no text holds. Quoted texts and comments are the author's. */
export function findLooks(text: string): Diagnostic[] {
  const conflicts = [...text.matchAll(CONFLICT)];
  if (conflicts.some(([line]) => !line.startsWith('=')))
    return conflicts.map(({ index, 0: line }) =>
      fault(
        'yaml/syntax',
        index,
        line.trimEnd(),
        'This line is left from a merge in git: keep one of both sides, and take out these lines.',
      ),
    );
  const control = CONTROL.exec(text);
  if (control) return [controlFault(control.index, control[0])];
  return SUSPICIOUS.test(text) ? inPlainTexts(text) : [];
}

function controlFault(at: number, found: string): Diagnostic {
  const code = `U+${found.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
  const message =
    found === '\r'
      ? 'A carriage return alone ends no line; save the file with LF or CRLF as its line ends.'
      : `${code} stands here, a control character, which YAML does not allow; in double quotes it is written as an escape.`;
  return fault('yaml/syntax', at, found, message);
}

function inPlainTexts(text: string): Diagnostic[] {
  const found: Diagnostic[] = [];
  let offset = 0;
  let isPlain = false;
  for (const token of new Lexer().lex(text)) {
    if (token === '\u0002' || token === '\u0018' || token === '\u001f') {
      isPlain = token === '\u001f';
      continue;
    }
    if (isPlain) found.push(...lookAt(text, offset, token));
    isPlain = false;
    offset += token.length;
  }
  return found;
}

function lookAt(text: string, offset: number, token: string): Diagnostic[] {
  for (const look of LOOKS) {
    const [, before = '', marked = ''] = look.pattern.exec(token) ?? [];
    if (marked === '') continue;
    const start = offset + before.length;
    if (look.first && text.slice(lineAt(text, start).start, start).trim() !== '') continue;
    const range = { start, end: start + marked.length };
    const fix = { title: look.fix, edits: [{ range, text: look.text(marked) }] };
    return [fault('yaml/look-alike', start, marked, look.message(marked), fix)];
  }
  return [];
}

function fault(code: DiagnosticCode, start: number, marked: string, message: string, fix?: Fix): Diagnostic {
  return {
    code,
    severity: 'error',
    message,
    range: { start, end: start + marked.length },
    path: '',
    ...(fix ? { fix } : {}),
  };
}
