import { streamAddress, textWidth } from '@sluice/core';
import type { RunEvent } from '../executor/api.ts';
import { renderError } from './errors.ts';
import { bytes, count, duration, padEnd, printableLine, type Style, styleFor } from './terminal.ts';

export interface ProgressOptions {
  /** Writes to stderr. */
  write(text: string): void;
  /** Whether lines can be painted over. */
  isTerminal: boolean;
  columns(): number;
  style: Style;
  level: 'quiet' | 'normal' | 'verbose';
  /** Milliseconds of a clock that does not jump. */
  now(): number;
}

const REPAINT_MS = 100;
/** Elsewhere than on a terminal, progress is a line this often. */
const LINE_MS = 5000;
/** The rate is that of about this long. */
const RATE_MS = 3000;

interface StreamState {
  phase: string;
  since: number;
  rows: number;
  estimated: boolean;
  bytes: number;
  total: number | null;
  tasks: string;
  /** Bytes and rows at an earlier moment, for the rate. */
  mark: { at: number; bytes: number; rows: number };
  rate: { bytes: number; rows: number };
}

/** Progress on this process's stderr, as its options say. */
export function progressFor({ quiet, verbose }: { quiet?: boolean; verbose?: boolean }): Progress {
  return new Progress({
    write: (text) => process.stderr.write(text),
    isTerminal: process.stderr.isTTY === true && process.env.TERM !== 'dumb',
    columns: () => process.stderr.columns || 80,
    style: styleFor(process.stderr),
    level: quiet ? 'quiet' : verbose ? 'verbose' : 'normal',
    now: () => performance.now(),
  });
}

/** Shows how a run goes on stderr: lines painted over on a terminal, a line now and then elsewhere. */
export class Progress {
  readonly #options: ProgressOptions;
  readonly #streams = new Map<string, StreamState>();
  #job = '';
  #painted = 0;
  #last = Number.NEGATIVE_INFINITY;

  constructor(options: ProgressOptions) {
    this.#options = options;
  }

  on(event: RunEvent): void {
    const { style } = this.#options;
    switch (event.type) {
      case 'started':
        this.#job = event.job;
        this.#say('verbose', style.dim(`run ${event.run_id} of ${event.job}`));
        break;
      case 'waiting':
        this.#say('normal', `${this.#job}: waiting for ${event.for}, held by ${event.holder}`);
        break;
      case 'phase':
        this.#phase(event.stream, event.phase, event.detail);
        break;
      case 'progress':
        this.#progress(event);
        break;
      case 'log':
        this.#log(event);
        break;
      case 'retry':
        this.#streams.clear();
        this.#say('normal', renderError(event.error, style));
        this.#say('normal', `${this.#job}: attempt ${event.attempt} in ${duration(event.delay_ms)}`);
    }
  }

  /** Takes the painted lines away; what is written next stands below everything said. */
  end(): void {
    this.#clear();
    this.#streams.clear();
  }

  #phase(stream: string, phase: string, detail: string | undefined): void {
    const now = this.#options.now();
    if (phase === 'done') this.#streams.delete(stream);
    else this.#state(stream, now).phase = phase;
    this.#say('verbose', `${this.#label(stream)}: ${phase}${detail === undefined ? '' : ` (${detail})`}`);
    this.#paint(true);
  }

  #progress(event: Extract<RunEvent, { type: 'progress' }>): void {
    const now = this.#options.now();
    const state = this.#state(event.stream, now);
    if (state.phase === 'open' || state.phase === 'list' || state.phase === 'sniff') state.phase = 'load';
    state.rows = event.rows;
    state.estimated = event.rows_estimated;
    state.bytes = event.bytes;
    state.total = event.total_bytes;
    state.tasks = event.tasks > 1 ? `${event.tasks_done}/${event.tasks} tasks` : '';
    const passed = now - state.mark.at;
    if (passed >= RATE_MS || (state.rate.bytes === 0 && passed >= REPAINT_MS)) {
      const per = (value: number) => Math.max(0, (value * 1000) / passed);
      state.rate = { bytes: per(state.bytes - state.mark.bytes), rows: per(state.rows - state.mark.rows) };
      if (passed >= RATE_MS) state.mark = { at: now, bytes: state.bytes, rows: state.rows };
    }
    if (this.#options.isTerminal) this.#paint(false);
    else if (now - Math.max(this.#last, state.since) >= LINE_MS) {
      this.#last = now;
      this.#say('normal', this.#line(event.stream, state));
    }
  }

  #log(event: Extract<RunEvent, { type: 'log' }>): void {
    const { style } = this.#options;
    const text = `${event.stream === null ? this.#job : this.#label(event.stream)}: ${printableLine(event.message)}`;
    if (event.level === 'debug') this.#say('verbose', style.dim(text));
    else if (event.level === 'info') this.#say('normal', text);
    else if (event.level === 'warn') this.#say('normal', `${style.yellow('warning')} ${text}`);
    else this.#say('quiet', `${style.red('error')} ${text}`);
  }

  #state(stream: string, now: number): StreamState {
    const known = this.#streams.get(stream);
    if (known) return known;
    const mark = { at: now, bytes: 0, rows: 0 };
    const rate = { bytes: 0, rows: 0 };
    const fresh = {
      phase: 'open',
      since: now,
      rows: 0,
      estimated: false,
      bytes: 0,
      total: null,
      tasks: '',
      mark,
      rate,
    };
    this.#streams.set(stream, fresh);
    return fresh;
  }

  #label(stream: string): string {
    return streamAddress(this.#job, stream);
  }

  /** A line that stays, where this much is to be said. */
  #say(level: ProgressOptions['level'], text: string): void {
    const ranks = { quiet: 0, normal: 1, verbose: 2 };
    if (ranks[level] > ranks[this.#options.level]) return;
    this.#clear();
    this.#options.write(`${text}\n`);
    this.#paint(true);
  }

  #paint(now: boolean): void {
    if (!this.#options.isTerminal || this.#options.level === 'quiet') return;
    const at = this.#options.now();
    if (!now && at - this.#last < REPAINT_MS) return;
    this.#last = at;
    const width = Math.max(20, this.#options.columns() - 1);
    const lines = [...this.#streams].map(([stream, state]) => fit(this.#line(stream, state), width));
    this.#clear();
    if (lines.length === 0) return;
    this.#options.write(`${lines.join('\n')}\n`);
    this.#painted = lines.length;
  }

  #clear(): void {
    if (this.#painted > 0) this.#options.write(`\u001b[${this.#painted}A\u001b[0J`);
    this.#painted = 0;
  }

  #line(stream: string, state: StreamState): string {
    const { phase, total } = state;
    const elapsed = this.#options.now() - state.since;
    const parts = [`${padEnd(this.#label(stream), 24)} ${padEnd(phase, 6)}`];
    const { rows, bytes: read, rate, estimated } = state;
    const about = estimated ? '~' : '';
    // What matters most comes first: a narrow terminal cuts the rest off.
    if (total !== null && total > 0) parts.push(`${String(Math.floor((read / total) * 100)).padStart(3)}%`);
    const left = total !== null && rate.bytes > 0 ? ((total - read) / rate.bytes) * 1000 : null;
    parts.push(left !== null && phase === 'load' && left > 0 ? `${duration(left)} left` : duration(elapsed));
    if (rows > 0) parts.push(`${about}${short(rows)} rows`);
    if (rate.rows > 0) parts.push(`${about}${short(rate.rows)} rows/s`);
    if (total !== null && total > 0) parts.push(`${bytes(read)} of ${bytes(total)}`);
    else if (read > 0) parts.push(bytes(read));
    if (rate.bytes > 0) parts.push(`${bytes(rate.bytes)}/s`);
    if (state.tasks !== '') parts.push(state.tasks);
    return parts.join('  ');
  }
}

/** `8,471`, `472k`, `8.47M`. */
function short(n: number): string {
  if (n < 100_000) return count(Math.round(n));
  if (n < 999_500) return `${Math.round(n / 1000)}k`;
  return `${(n / 1_000_000).toFixed(2)}M`;
}

function fit(line: string, width: number): string {
  if (textWidth(line) <= width) return line;
  let shown = '';
  for (const char of line) {
    if (textWidth(shown + char) >= width) break;
    shown += char;
  }
  return `${shown}…`;
}
