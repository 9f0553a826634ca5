/** A value that is no plain text: an element with attributes or children, as the text of a JSON object whose scalars are strings. */
export class Nested {
  readonly json: string;

  constructor(json: string) {
    this.json = json;
  }
}

/** null: said to be none. */
export type Value = string | Nested | null;

/** A record's attributes, children and text by name; several children of a name are a list. */
export type XmlRecord = Map<string, Value | Value[]>;

/** A value as the text of JSON. */
export function jsonOf(value: Value | Value[]): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (value === null) return 'null';
  return value instanceof Nested ? value.json : `[${value.map(jsonOf).join(',')}]`;
}

/** A record, or an element with children, as the text of a JSON object. */
export function objectOf(record: XmlRecord): string {
  return `{${[...record].map(([name, value]) => `${JSON.stringify(name)}:${jsonOf(value)}`).join(',')}}`;
}

export function add(values: XmlRecord, name: string, value: Value): void {
  const before = values.get(name);
  if (before === undefined) values.set(name, value);
  else if (Array.isArray(before)) before.push(value);
  else values.set(name, [before, value]);
}

/** An element's attributes and children, its own text beside them. */
export function whole(values: XmlRecord, own: string): XmlRecord {
  const text = own.trim();
  if (text !== '') values.set('#text', text);
  return values;
}
