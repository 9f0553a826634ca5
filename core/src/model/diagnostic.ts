import type { DiagnosticCode } from './codes.ts';

export type Severity = 'error' | 'warning' | 'info';

/** A half-open range of UTF-16 offsets in the document's text. */
export interface Range {
  start: number;
  end: number;
}

/** One finding in a file. Offsets inside; lines and columns only where it is shown. */
export interface Diagnostic {
  code: DiagnosticCode;
  severity: Severity;
  /** Says what is wrong and what to do. */
  message: string;
  range: Range;
  /** JSON pointer of the node, `/source/type`; empty for the whole document. */
  path: string;
  related?: { message: string; file: string; range: Range }[];
  /** An edit that mends it, where one is certain enough to offer. */
  fix?: Fix;
}

export interface Fix {
  title: string;
  edits: { range: Range; text: string }[];
}
