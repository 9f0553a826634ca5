import type { Document, Node } from './node.ts';
import { parseDocument } from './parse.ts';

/**
 * A document that is parsed when it is first asked about, and again where it was asked to rest since: of ten thousand files few are looked
 * into at a time, and a tree takes twenty times the space of its text.
 */
export class LateDocument implements Document {
  readonly file: string;
  readonly text: string;
  #parsed: Document | null = null;
  #found: Pick<Document, 'diagnostics' | 'broken'> | null = null;

  constructor(text: string, file: string) {
    this.file = file;
    this.text = text;
  }

  get root(): Node | null {
    return this.#tree().root;
  }

  get diagnostics(): Document['diagnostics'] {
    return (this.#found ?? this.#tree()).diagnostics;
  }

  get broken(): boolean {
    return (this.#found ?? this.#tree()).broken;
  }

  rest(): void {
    this.#parsed = null;
  }

  #tree(): Document {
    this.#parsed ??= parseDocument(this.text, this.file);
    this.#found ??= { diagnostics: this.#parsed.diagnostics, broken: this.#parsed.broken };
    return this.#parsed;
  }
}
