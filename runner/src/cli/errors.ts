import { type ErrorPlace, SluiceError, type SluiceErrorJson } from '@sluice/core';
import { EXIT } from './exit.ts';
import { printable, printableLine, type Style, styleFor, tell } from './terminal.ts';

/** Faults of the call or of the project as a whole, beside those whose code begins with `usage/`. */
const USAGE: ReadonlySet<string> = new Set(['project/unreadable', 'config/target', 'config/variable']);

/** A call that makes no sense: exit status 2. */
export function usage(code: string, message: string, hint?: string): SluiceError {
  return new SluiceError(`usage/${code}`, 'config', message, hint === undefined ? {} : { hint });
}

export function exitStatusOf(error: unknown): number {
  if (!(error instanceof SluiceError)) return EXIT.failed;
  if (error.code === 'run/cancelled') return EXIT.interrupted;
  return error.code.startsWith('usage/') || USAGE.has(error.code) ? EXIT.usage : EXIT.failed;
}

/** An error as people read it: code, cause, place and the next step. */
export function renderError(error: SluiceErrorJson, style: Style): string {
  const lines = [`${style.red(style.bold(`error[${error.code}]`))}: ${indent(printable(error.message))}`];
  const place = renderPlace(error.where);
  if (place !== '') lines.push(`  ${style.dim('at')} ${place}`);
  if (error.hint !== null) lines.push(`  ${style.cyan('hint')} ${indent(printable(error.hint))}`);
  return lines.join('\n');
}

function indent(text: string): string {
  return text.trimEnd().replaceAll('\n', '\n    ');
}

function renderPlace(where: ErrorPlace): string {
  const parts: string[] = [];
  if (where.path !== undefined) {
    parts.push(where.line === undefined ? where.path : `${where.path}:${where.line}`);
  } else if (where.line !== undefined) parts.push(`line ${where.line}`);
  if (where.row !== undefined) parts.push(`row ${where.row}`);
  if (where.byte_offset !== undefined && where.line === undefined) parts.push(`byte ${where.byte_offset}`);
  if (where.column !== undefined) parts.push(`column ${where.column}`);
  if (where.job !== undefined) {
    const stream = where.stream === undefined || where.stream === where.job ? '' : `/${where.stream}`;
    parts.push(`job ${where.job}${stream}`);
  }
  return printableLine(parts.join(', '));
}

/** Says on stderr what went wrong and gives the exit status. Errors that are none of ours show where they arose. */
export function report(error: unknown, verbose: boolean): number {
  const style = styleFor(process.stderr);
  if (error instanceof SluiceError) {
    tell(renderError(error.toJSON(), style));
    if (verbose && error.cause instanceof Error) tell(style.dim(printable(error.cause.stack ?? error.cause.message)));
    return exitStatusOf(error);
  }
  const known = error instanceof Error ? error : new Error(String(error));
  tell(renderError({ code: 'internal', kind: 'terminal', message: known.message, where: {}, hint: null }, style));
  tell(style.dim(printable(known.stack ?? '')));
  return EXIT.failed;
}
