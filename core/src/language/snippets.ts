import { typesOf } from '../check/scalars.ts';
import type { Schema } from '../spec/schema.ts';
import { quoteYaml } from '../text/quote.ts';

/** Words that are no text to YAML without quotes. */
const NOT_TEXT = /^(?:true|false|null|~|[-+]?\.(?:inf|nan)|[-+.]?\d.*)$/i;

/** A text as a YAML scalar on one line: without quotes where it reads as the same text, in block and flow alike. */
export function yamlText(text: string): string {
  const plain = /^[A-Za-z_](?:[\w .()<>=+/*@$-]*[\w)>*])?$/.test(text) && !/ #/.test(text) && !NOT_TEXT.test(text);
  return plain ? text : quoteYaml(text);
}

/** A text of which nothing is special to a snippet. */
export function snippetText(text: string): string {
  return text.replace(/[\\$}]/g, '\\$&');
}

function choiceText(text: string): string {
  return text.replace(/[\\$},|]/g, '\\$&');
}

/** A snippet as plain text: the first choice, the default, or nothing at each of its stops. */
export function plainSnippet(snippet: string): string {
  let text = snippet.replace(/\$\{\d+\|((?:\\.|[^\\,|])*)[^}]*\|\}/g, '$1');
  text = text.replace(/\$\{\d+:((?:\\.|[^\\}])*)\}/g, '$1').replace(/\$\{\d+\}|\$\d+/g, '');
  return text.replace(/\\([\\$},|])/g, '$1');
}

/** Beyond this many a list of choices hides more than it helps. */
const MOST_CHOICES = 12;
/** Bodies in bodies end here. */
const MOST_DEPTH = 3;

/** Writes `key: body` for a schema in block style, with a stop at each place that is to be filled in. */
export class SnippetWriter {
  #stop = 0;

  /** `indent`: spaces of the key, relative to the line that holds the caret. */
  entry(key: string, schema: Schema, indent: number, depth = 0): string {
    return `${snippetText(yamlText(key))}:${this.#body(schema, indent, depth)}`;
  }

  /** An item of a list: what stands behind its dash. */
  item(schema: Schema, indent: number, depth = 0): string {
    const keys = schema['x-step'] ? [] : this.#keysOf(schema);
    if (keys.length === 0) return this.#next();
    return keys.map(([key, inner]) => this.entry(key, inner, indent, depth)).join(`\n${' '.repeat(indent)}`);
  }

  #body(schema: Schema, indent: number, depth: number): string {
    const types = typesOf(schema);
    const shorthand = schema['x-shorthand'];
    if (schema['x-union'] && shorthand) return ` ${this.#choice(Object.keys(schema['x-union'].of))}`;
    const short = shorthand ? schema.properties?.[shorthand] : undefined;
    if (short && this.#simple(schema)) return this.#body(short, indent, depth);
    const inside = indent + 2;
    const pad = `\n${' '.repeat(inside)}`;
    if (types.includes('object')) {
      if (depth >= MOST_DEPTH) return pad + this.#next();
      const keys = this.#keysOf(schema);
      if (keys.length > 0) return pad + keys.map(([k, s]) => this.entry(k, s, inside, depth + 1)).join(pad);
      const named = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
      if (!named) return pad + this.#next();
      return `${pad}${this.#next('name')}:${this.#body(named, inside, depth + 1)}`;
    }
    if (types.includes('array') && schema.items) {
      const plain = !typesOf(schema.items).includes('object') && !schema.items['x-step'];
      return plain ? ` [${this.#next()}]` : `${pad}- ${this.item(schema.items, inside + 2, depth + 1)}`;
    }
    return ` ${this.#scalar(schema)}`;
  }

  /** Whether a shorthand says all that is required. */
  #simple(schema: Schema): boolean {
    return (schema.required ?? []).every((key) => key === schema['x-shorthand']);
  }

  #keysOf(schema: Schema): [string, Schema][] {
    const union = schema['x-union'];
    if (union) return [[union.key, { type: 'string', enum: Object.keys(union.of) }]];
    return (schema.required ?? []).flatMap((key): [string, Schema][] => {
      const inner = schema.properties?.[key];
      return inner ? [[key, inner]] : [];
    });
  }

  #scalar(schema: Schema): string {
    if (schema.enum) {
      const words = schema.enum.map((word) => (typeof word === 'string' ? yamlText(word) : String(word)));
      return this.#choice(words, schema.default);
    }
    if (typesOf(schema).includes('boolean')) {
      const usual = schema.default === true ? 'false' : 'true';
      return this.#choice([usual, usual === 'true' ? 'false' : 'true']);
    }
    const example = schema.examples?.find((value) => typeof value === 'string' || typeof value === 'number');
    const usual =
      example ?? (typeof schema.default === 'object' ? undefined : schema.default) ?? SAMPLES[schema['x-kind'] ?? ''];
    if (usual === undefined || usual === '') return this.#next();
    return this.#next(typeof usual === 'string' ? yamlText(usual) : String(usual));
  }

  #choice(values: readonly string[], first?: unknown): string {
    const ordered = typeof first === 'string' ? [first, ...values.filter((value) => value !== first)] : values;
    if (ordered.length === 0 || ordered.length > MOST_CHOICES) return this.#next();
    return `\${${++this.#stop}|${ordered.map((value) => choiceText(value)).join(',')}|}`;
  }

  #next(text?: string): string {
    return text === undefined ? `$${++this.#stop}` : `\${${++this.#stop}:${snippetText(text)}}`;
  }
}

const SAMPLES: Readonly<Record<string, string>> = {
  cron: '0 2 * * *',
  duration: '5m',
  size: '1GB',
  secret: '${env:NAME}',
};
