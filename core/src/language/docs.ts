import { typesOf } from '../check/scalars.ts';
import { canonicalJson } from '../compile/canonical.ts';
import type { Json } from '../model/json.ts';
import type { Schema } from '../spec/schema.ts';
import { writeYaml } from '../text/write.ts';

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'whole number',
  number: 'number',
  boolean: 'true or false',
  object: 'mapping',
  array: 'list',
};

const KIND_WORDS: Readonly<Record<string, string>> = {
  'sql-expression': 'SQL expression',
  'sql-query': 'SQL query',
  'sql-order': 'SQL, as after ORDER BY',
  cron: 'cron',
  timezone: 'IANA time zone',
  glob: 'path pattern',
  path: 'path',
  duration: 'duration (`30s`, `5m`, `2h`, `1d`)',
  size: 'size (`512MB`, `2GiB`)',
  type: 'type',
  strftime: 'strftime pattern',
  regex: 'regular expression (RE2)',
  column: 'column',
  'source-column': 'column of the source',
  'new-column': 'name of a column',
  secret: 'secret, as a reference',
  connection: 'connection',
  job: 'job',
  channel: 'channel',
  url: 'URL',
  timestamp: 'time in ISO 8601',
};

/** What kind of value a schema takes, in words. */
export function typeWords(schema: Schema): string {
  const kind = schema['x-kind'];
  if (kind) return KIND_WORDS[kind] ?? kind;
  if (schema['x-union']) return `mapping that its \`${schema['x-union'].key}\` tells apart`;
  if (schema.enum) return schema.enum.map((value) => `\`${value}\``).join(' · ');
  const types = typesOf(schema);
  if (types.includes('array') && schema.items) return `list of ${typeWords(schema.items)}`;
  return types.map((type) => TYPE_WORDS[type] ?? type).join(' or ');
}

/** A schema's documentation in Markdown: what it is, its type, default, possible values and an example. */
export function docsOf(key: string, schema: Schema, options: { required?: boolean } = {}): string {
  const parts: string[] = [];
  const text = [
    schema.title && schema.title !== schema.description ? `**${schema.title}**` : '',
    schema.description ?? '',
  ];
  parts.push(text.filter(Boolean).join(' — ') || `\`${key}\``);
  const facts = [`Type: ${typeWords(schema)}`];
  if (options.required) facts.push('required');
  if (schema.default !== undefined) facts.push(`default \`${shown(schema.default)}\``);
  parts.push(facts.join(' · '));
  const values = enumRows(schema);
  if (values) parts.push(values);
  const example = schema.examples?.[0];
  if (example !== undefined) parts.push(fence(writeYaml({ [key]: example as Json })));
  return parts.join('\n\n');
}

function enumRows(schema: Schema): string {
  const texts = schema['x-enum-text'];
  if (!schema.enum || !texts) return '';
  return schema.enum.map((value, i) => `- \`${value}\`: ${texts[i] ?? ''}`).join('\n');
}

export function fence(yaml: string): string {
  return `\`\`\`yaml\n${yaml.trimEnd()}\n\`\`\``;
}

function shown(value: unknown): string {
  return typeof value === 'string' ? (value === '' ? '""' : value) : canonicalJson(value as Json);
}
