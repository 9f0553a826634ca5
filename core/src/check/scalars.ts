import { holdsReference, textParts } from '../model/reference.ts';
import type { Schema, TextKind } from '../spec/schema.ts';
import type { Node, ScalarNode } from '../text/node.ts';
import { quoteYaml } from '../text/quote.ts';
import type { Host, Place } from './host.ts';
import { listWords, meant, nearest } from './suggest.ts';
import { commentCut } from './traps.ts';
import { checkText } from './values.ts';

/** The JSON types that a schema allows. */
export function typesOf(schema: Schema): readonly string[] {
  if (schema.type === undefined)
    return schema['x-union'] || schema.properties ? ['object'] : ['string', 'number', 'boolean'];
  return typeof schema.type === 'string' ? [schema.type] : schema.type;
}

/** Kinds of text whose meaning is checked before anything runs: only variables may be put in. */
const STATIC_KINDS: ReadonlySet<TextKind> = new Set([
  'sql-expression',
  'sql-query',
  'sql-order',
  'cron',
  'timezone',
  'duration',
  'size',
  'type',
  'strftime',
  'regex',
  'column',
  'source-column',
  'new-column',
  'connection',
  'job',
  'channel',
]);

function mayHoldReferences(schema: Schema, place: Place): boolean {
  const kind = schema['x-kind'];
  return place.runtime && !schema.enum && schema.pattern === undefined && !(kind && STATIC_KINDS.has(kind));
}

function isSql(schema: Schema): boolean {
  return schema['x-kind'] === 'sql-query' || schema['x-kind'] === 'sql-expression';
}

/** Reads a scalar as the schema's type; reports what does not fit and returns null. */
export function scalarValue(node: ScalarNode, schema: Schema, host: Host, place: Place): Node | null {
  const types = typesOf(schema);
  if (types.includes('string')) {
    const free = types.length > 1 && node.style === 'plain' && typeof node.value !== 'string';
    if (!free) return textValue(node, schema, host, place);
  }
  const whole = /^\$\{.*\}$/s.test(node.source);
  const text = whole ? host.text(node, node.source, place.runtime) : null;
  if (text?.startsWith('${')) return place.runtime ? { ...node, value: text } : null;
  const read: ScalarNode = text === null ? node : { ...node, ...core(text), style: 'plain' };
  const plain = read.style === 'plain';
  if (types.includes('boolean') && plain && typeof read.value === 'boolean') return read;
  if ((types.includes('integer') || types.includes('number')) && plain && typeof read.value === 'number') {
    return numberValue(read, types, schema, host);
  }
  host.report('schema/type', node, wrongScalar(read, types), { fix: rewrite(read, types) });
  return null;
}

/** A text as YAML 1.2 core would read it without quotes. */
function core(text: string): { value: ScalarNode['value']; source: string } {
  if (/^(?:true|True|TRUE)$/.test(text)) return { value: true, source: text };
  if (/^(?:false|False|FALSE)$/.test(text)) return { value: false, source: text };
  const isNumber = /^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/.test(text);
  return { value: isNumber ? Number(text) : text, source: text };
}

function numberValue(node: ScalarNode, types: readonly string[], schema: Schema, host: Host): Node | null {
  const value = node.value as number;
  if (!Number.isFinite(value) || (!types.includes('number') && !Number.isSafeInteger(value))) {
    host.report('schema/type', node, `A whole number is expected here, not \`${node.source}\`.`);
    return null;
  }
  const { minimum, maximum } = schema;
  if ((minimum !== undefined && value < minimum) || (maximum !== undefined && value > maximum)) {
    const bounds =
      minimum !== undefined && maximum !== undefined
        ? `between ${minimum} and ${maximum}`
        : minimum !== undefined
          ? `${minimum} or more`
          : `${maximum} or less`;
    host.report('schema/range', node, `\`${node.source}\` is out of range; it must be ${bounds}.`);
    return null;
  }
  if (schema.enum && !schema.enum.includes(value)) {
    host.report(
      'schema/enum',
      node,
      `\`${node.source}\` is not possible here; possible is ${listWords(schema.enum.map(String))}.`,
    );
    return null;
  }
  return node;
}

function wrongScalar(node: ScalarNode, types: readonly string[]): string {
  const shown = node.source.length > 40 ? `${node.source.slice(0, 40)}…` : node.source;
  if (types.includes('boolean')) return `true or false is expected here, not \`${shown}\`.`;
  const wanted = types.includes('number') ? 'A number' : 'A whole number';
  const quoted = node.style !== 'plain' && typeof core(node.source).value === 'number';
  return quoted
    ? `${wanted} is expected here; write it without quotes.`
    : `${wanted} is expected here, not \`${shown}\`.`;
}

const BOOLEAN_WORDS: Readonly<Record<string, string>> = {
  yes: 'true',
  on: 'true',
  y: 'true',
  no: 'false',
  off: 'false',
  n: 'false',
  true: 'true',
  false: 'false',
};

function rewrite(node: ScalarNode, types: readonly string[]) {
  const word = BOOLEAN_WORDS[node.source.toLowerCase()] ?? nearest(node.source, ['true', 'false']);
  const text = types.includes('boolean') ? word : typeof core(node.source).value === 'number' ? node.source : undefined;
  return text === undefined ? undefined : { title: `Write ${text}`, edits: [{ range: node.range, text }] };
}

function textValue(node: ScalarNode, schema: Schema, host: Host, place: Place): Node | null {
  const runtime = mayHoldReferences(schema, place);
  const whole = commentCut(host, node, schema);
  const text = host.text(node, whole ?? node.source, runtime);
  const value: ScalarNode = { ...node, value: text, source: text };
  if (!runtime && !isSql(schema) && textParts(text).some((part) => part.kind === 'window')) {
    host.report('reference/place', node, 'A window cannot stand here: this must be known before a run starts.');
    return null;
  }
  // A reference is either checked when its value is known, or was reported where none can stand.
  if (whole !== null || holdsReference(text)) return value;
  if (schema.enum) return enumValue(value, node, schema, host);
  if (schema.pattern !== undefined && !new RegExp(schema.pattern, 'u').test(text)) {
    host.report('schema/pattern', node, `\`${text}\` does not have the right form. ${schema.description ?? ''}`.trim());
    return null;
  }
  const length = [...text].length;
  if (length < (schema.minLength ?? 0) || length > (schema.maxLength ?? Number.POSITIVE_INFINITY)) {
    host.report(
      'schema/length',
      node,
      length === 0
        ? 'This text is empty.'
        : `This text is too long: at most ${schema.maxLength}${schema.maxLength === 1 ? ' character' : ' characters'}.`,
    );
    return null;
  }
  const fault = schema['x-kind'] ? checkText(schema['x-kind'], text) : null;
  if (!fault) return value;
  const fix =
    fault.text === undefined
      ? undefined
      : { title: `Write \`${fault.text}\``, edits: [{ range: node.range, text: inYaml(fault.text) }] };
  host.report(fault.code, node, fault.message, { fix });
  return null;
}

function inYaml(text: string): string {
  return /^[A-Za-z0-9][\w.()+-]*$/.test(text) ? text : quoteYaml(text);
}

function enumValue(value: ScalarNode, written: ScalarNode, schema: Schema, host: Host): Node | null {
  const known = (schema.enum ?? []).map(String);
  if (known.includes(value.source)) return value;
  const suggestion = meant(value.source, known, schema['x-value-synonyms']);
  const message = suggestion
    ? `\`${value.source}\` is not possible here; did you mean \`${suggestion}\`?`
    : `\`${value.source}\` is not possible here; possible is ${listWords(known)}.`;
  const fix = suggestion
    ? { title: `Use \`${suggestion}\``, edits: [{ range: written.range, text: suggestion }] }
    : undefined;
  host.report('schema/enum', written, message, { fix });
  return null;
}
