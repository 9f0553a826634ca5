import type { DiagnosticCode } from '../model/codes.ts';

/** What is wrong with a text by itself. */
export interface TextFault {
  code: DiagnosticCode;
  message: string;
  /** What was meant, where that is certain. */
  text?: string;
}
