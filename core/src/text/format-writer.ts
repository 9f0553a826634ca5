interface Trivia {
  type: string;
  source: string;
}

/** Lines as they are laid out: the open one, and what has to stand before the next. */
export class FormatWriter {
  readonly #lines: string[] = [];
  #open: string | null = null;
  /** The open line is a dash and nothing yet: what begins in its column goes on there. */
  #dash = false;
  /** Line ends since the last thing that was written. */
  #newlines = 0;
  /** The open line ends in a comment: nothing can follow it there. */
  afterComment = false;

  get column(): number {
    return this.#open?.length ?? 0;
  }

  /** Begins a line, or goes on behind a dash. */
  start(indent: number): void {
    if (this.#dash && this.#open?.length === indent) {
      this.#dash = false;
      this.#newlines = 0;
      return;
    }
    this.#close();
    if (this.#newlines > 1 && this.#lines.length > 0 && this.#lines.at(-1) !== '') this.#lines.push('');
    this.#newlines = 0;
    this.#open = ' '.repeat(indent);
  }

  dash(indent: number): void {
    this.start(indent);
    this.#open += '- ';
    this.#dash = true;
  }

  write(text: string): void {
    this.#open = (this.#open ?? '') + text;
    this.#dash = false;
    this.#newlines = 0;
  }

  trailing(comment: string): void {
    this.#open = `${(this.#open ?? '').trimEnd()} ${comment.trimEnd()}`;
    this.#dash = false;
    this.#newlines = 0;
    this.afterComment = true;
  }

  /** A whole line as it is: a further line of a text. */
  raw(line: string): void {
    if (this.#open !== null) this.#close();
    this.#open = line;
    this.#newlines = 0;
  }

  /** After the last line of a text of several lines, and the empty ones behind it. */
  afterRaw(empty: number): void {
    this.#newlines = 1 + empty;
  }

  /**
   * Comments, line ends and spaces: a comment on a line of its own is indented as what follows. `tail`: nothing follows, and a
   * comment at the very left stays there.
   */
  trivia(tokens: readonly Trivia[] | undefined, indent: number, tail = false): void {
    let atLeft = false;
    for (const { type, source } of tokens ?? []) {
      if (type === 'newline') this.#newlines++;
      if (type !== 'comment') {
        atLeft = type === 'newline';
        continue;
      }
      if (this.#newlines === 0 && this.#open !== null) this.trailing(source);
      else {
        this.start(tail && atLeft ? 0 : indent);
        this.write(source.trimEnd());
        this.afterComment = true;
      }
    }
  }

  end(ending: string): string {
    this.#close();
    while (this.#lines.at(-1) === '') this.#lines.pop();
    return this.#lines.map((line) => line + ending).join('');
  }

  #close(): void {
    if (this.#open !== null) this.#lines.push(this.#open.trimEnd());
    this.#open = null;
    this.#dash = false;
    this.afterComment = false;
  }
}
