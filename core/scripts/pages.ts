import { jobSchema } from '../src/check/job-schema.ts';
import { jobJsonSchema, projectJsonSchema } from '../src/check/json-schema.ts';
import { projectSchema } from '../src/check/project-schema.ts';
import { DIAGNOSTIC_CODES } from '../src/model/codes.ts';
import type { Spec } from '../src/model/component.ts';
import { type Schema, secretKeys } from '../src/spec/schema.ts';
import * as specs from '../src/specs.ts';

/** Every generated file by its path below schemas/. */
export function generatedFiles(): Record<string, string> {
  const files: Record<string, string> = {
    'job.schema.json': json(jobJsonSchema()),
    'project.schema.json': json(projectJsonSchema()),
    'reference/diagnostics.md': diagnosticsPage(),
    'reference/job.md': jobPage(),
    'reference/project.md': projectPage(),
  };
  for (const kinds of [specs.sources, specs.destinations, specs.formats, specs.transforms, specs.checks]) {
    for (const spec of Object.values(kinds)) files[`reference/${spec.kind}-${spec.type}.md`] = componentPage(spec);
  }
  return files;
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** Keys of a job that a page of their own, of a component, says more about. */
const OF_COMPONENTS = ['source', 'destination', 'transform', 'checks'];

function jobPage(): string {
  const { properties = {} } = jobSchema;
  const own = Object.entries(properties).filter(([key]) => !OF_COMPONENTS.includes(key) && key !== 'streams');
  return page([
    '# Job',
    'The keys of a job file. Each source, destination, format, transform and check has a page of its own.',
    keyTable(keyRows({ ...jobSchema, properties: Object.fromEntries(own) }, '', [])),
  ]);
}

function projectPage(): string {
  const { properties = {} } = projectSchema;
  const plain = Object.entries(properties).filter(
    ([key]) => !['connections', 'defaults', 'channels', 'secrets'].includes(key),
  );
  const part = (key: string): string[] => {
    const named = properties[key];
    const value = typeof named?.additionalProperties === 'object' ? named.additionalProperties : undefined;
    const variants = Object.entries(value?.['x-union']?.of ?? {}).flatMap(([type, variant]) => [
      `### \`type: ${type}\``,
      variant.description ?? '',
      keyTable(keyRows(variant, '', secretKeys(variant))),
    ]);
    return [`## \`${key}\``, named?.description ?? '', ...variants];
  };
  return page([
    '# Project',
    'The keys of sluice.yaml. `connections` holds the connection keys of the sources and destinations, `defaults` those of jobs.',
    keyTable(keyRows({ ...projectSchema, properties: Object.fromEntries(plain) }, '', [])),
    ...part('channels'),
    ...part('secrets'),
  ]);
}

function diagnosticsPage(): string {
  const rows = Object.entries(DIAGNOSTIC_CODES).map(([code, text]) => `| \`${code}\` | ${cell(text)} |`);
  return page([
    '# Diagnostics',
    'What `sluice validate` and the editor say about a file, by code.',
    table(['code', 'what it means'], rows),
  ]);
}

function componentPage(spec: Spec): string {
  const settings: Schema = spec.settings;
  const parts = [`# ${spec.title}`, `\`${spec.type}\` (${spec.kind}). ${spec.text}`];
  const keys = keyRows(settings, '', spec.secrets);
  if (keys.length > 0) parts.push('## Keys', keyTable(keys));
  const connection = spec.connection ? keyRows(spec.connection, '', spec.secrets) : [];
  if (connection.length > 0) {
    parts.push('## Connection', 'In `connections` of sluice.yaml, or beside the other keys.', keyTable(connection));
  }
  const facts = capabilityRows(spec);
  if (facts.length > 0) parts.push('## What it can do', table(['', ''], facts));
  if (spec.examples.length > 0)
    parts.push('## Examples', ...spec.examples.map((example) => `\`\`\`yaml\n${example.trimEnd()}\n\`\`\``));
  if (spec.notes) parts.push('## Notes', spec.notes);
  return page(parts);
}

/** Capabilities in a reader's words; what only the engine asks for is left out. */
const FACTS: Readonly<Record<string, [label: string, words?: Readonly<Record<string, string>>]>> = {
  yields: ['gives', { bytes: 'bytes in a format', columns: 'rows with types of their own' }],
  batch: ['batch'],
  streaming: ['streaming'],
  table_patterns: ['`table` may be a pattern'],
  commit_class: ['commit class'],
  write_dispositions: ['write dispositions'],
  holds: ['holds'],
  default_schema: ['schema where none is named'],
  max_identifier: ['longest name, in bytes'],
  placement: ['runs', { node: 'on the host that holds the files', any: 'on any host' }],
  scope: ['scope'],
  column_check: ['may stand under a column'],
  parallel: ['parallel', { engine: 'on all threads of the engine, within one task' }],
};

function capabilityRows(spec: Spec): string[] {
  return Object.entries(spec.capabilities).flatMap(([key, value]) => {
    const [label, words] = FACTS[key] ?? [];
    if (!label || value === null || value === undefined) return [];
    const plain = typeof value === 'boolean' ? (value ? 'yes' : 'no') : Array.isArray(value) ? value.join(', ') : value;
    return `| ${label} | ${words?.[String(plain)] ?? plain} |`;
  });
}

function keyRows(schema: Schema, prefix: string, secrets: readonly string[]): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, inner]) => {
    const name = `${prefix}${key}`;
    const required = schema.required?.includes(key) ? ' **required**' : '';
    const secret = secrets.includes(key) ? ' Secret: write a reference.' : '';
    const given = inner.default === undefined ? '' : `\`${JSON.stringify(inner.default)}\``;
    const row = `| \`${name}\`${required} | ${cell(typeText(inner))} | ${given} | ${cell(`${inner.description ?? ''}${secret}`)} |`;
    const item = inner.items?.properties ? keyRows(inner.items, `${name}[].`, []) : [];
    return [row, ...(inner.properties ? keyRows(inner, `${name}.`, []) : item)];
  });
}

function typeText(schema: Schema): string {
  if (schema.enum) return schema.enum.map((value) => `\`${value}\``).join(' ');
  if (schema.type === 'array') return `list of ${schema.items ? typeText(schema.items) : 'values'}`;
  const kind = schema['x-kind'];
  if (kind && kind !== 'secret') return kind.replace('-', ' ');
  if (schema.type === 'object') return 'mapping';
  return schema.type === 'string' ? 'text' : String(schema.type ?? 'value');
}

function keyTable(rows: readonly string[]): string {
  return table(['key', 'value', 'default', ''], rows);
}

function table(head: readonly string[], rows: readonly string[]): string {
  return [`| ${head.join(' | ')} |`, `|${head.map(() => '---').join('|')}|`, ...rows].join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

function page(parts: readonly string[]): string {
  return `${['<!-- Generated by `npm run generate`. -->', ...parts].join('\n\n')}\n`;
}
