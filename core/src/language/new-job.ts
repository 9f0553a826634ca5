import type { Json } from '../model/json.ts';
import { type Spec, sources } from '../specs.ts';
import { parseDocument } from '../text/parse.ts';
import { yamlText } from './snippets.ts';

/** A system that a job can read, for a list to choose from. */
export interface SourceChoice {
  type: string;
  title: string;
  text: string;
}

export function sourceChoices(): SourceChoice[] {
  return Object.values(sources).map(({ type, title, text }) => ({ type, title, text }));
}

/** What is known of a job that is to be written. */
export interface NewJob {
  name: string;
  type: string;
  /** Connection of sluice.yaml; null: the source's example with all that it needs. */
  connection: string | null;
  /** Keys of the source as a listing of the connection gives them; null: those of the source's example. */
  settings: Readonly<Record<string, Json>> | null;
}

/** The text of a new job: its source as the component's own example has it, into the embedded warehouse. null: no such type. */
export function newJobText({ name, type, connection, settings }: NewJob): string | null {
  const spec = sources[type];
  if (!spec) return null;
  const lines = [`type: ${type}`];
  if (connection !== null) lines.push(`connection: ${yamlText(connection)}`);
  if (settings) for (const [key, value] of Object.entries(settings)) lines.push(`${key}: ${valueText(value)}`);
  else lines.push(...exampleLines(spec, connection !== null));
  const source = lines.map((line) => `  ${line}\n`).join('');
  return `name: ${name}\nsource:\n${source}destination:\n  type: duckdb\n  table: ${name}\n`;
}

/** The lines of the spec's first example behind its type; without the connection's own keys where a connection has them. */
function exampleLines(spec: Spec, connected: boolean): string[] {
  const example = connected
    ? spec.examples[0]
    : (spec.examples.find((text) => !/^connection:/m.test(text)) ?? spec.examples[0]);
  const text = example ?? '';
  const { root } = parseDocument(text, 'example.yaml');
  const entries = root?.kind === 'map' ? root.entries : [];
  return entries.flatMap(({ key }, i) => {
    if (key.source === 'type' || key.source === 'connection') return [];
    if (connected && spec.connection?.properties?.[key.source]) return [];
    const end = entries[i + 1]?.key.range.start ?? text.length;
    return text.slice(key.range.start, end).trimEnd().split('\n');
  });
}

function valueText(value: Json): string {
  return typeof value === 'string' ? yamlText(value) : JSON.stringify(value);
}
