import { type Diagnostic, type Document, type Position, positionAt, renderFrame } from '@sluice/core';
import { printable, printableLine, type Style } from './terminal.ts';

/** A finding beside the text that it stands in. */
export interface Finding {
  document: Document;
  diagnostic: Diagnostic;
  /** The file as it is shown. */
  file: string;
}

export interface FindingJson {
  file: string;
  code: string;
  severity: string;
  message: string;
  path: string;
  /** Positions of the Language Server Protocol: from 0, characters in UTF-16 units. */
  range: { start: Position; end: Position };
}

export function findingJson({ document, diagnostic, file }: Finding): FindingJson {
  const { code, severity, message, path, range } = diagnostic;
  const start = positionAt(document, range.start);
  return { file, code, severity, message, path, range: { start, end: positionAt(document, range.end) } };
}

/** What a finding refers to elsewhere needs that file's text. */
export type FindFile = (file: string) => { document: Document; shown: string } | null;

/** A finding as people read it, with the line and carets under the place. Lines and columns count from 1, columns in UTF-16 units. */
export function renderFinding(finding: Finding, findFile: FindFile, style: Style): string {
  const { document, diagnostic, file } = finding;
  const at = positionAt(document, diagnostic.range.start);
  const place = style.bold(`${printableLine(file)}:${at.line + 1}:${at.character + 1}`);
  const lines = [`${place}: ${severity(diagnostic, style)}: ${printable(diagnostic.message)}`];
  // What is found here is on its way into the logs of a build.
  const isSecret = diagnostic.code === 'secret/literal';
  const [source = '', carets = ''] = renderFrame(document, diagnostic.range, isSecret).split('\n');
  lines.push(printable(source), style.red(carets));
  if (diagnostic.fix) lines.push(`     ${style.cyan('fix')} ${printable(diagnostic.fix.title)}`);
  for (const related of diagnostic.related ?? []) {
    const other = findFile(related.file);
    const start = other ? positionAt(other.document, related.range.start) : null;
    const where = start ? `${other?.shown}:${start.line + 1}:${start.character + 1}` : related.file;
    lines.push(`     ${style.cyan('see')} ${printableLine(where)}: ${printable(related.message)}`);
  }
  return lines.join('\n');
}

function severity({ severity, code }: Diagnostic, style: Style): string {
  const text = `${severity}[${code}]`;
  return severity === 'error' ? style.red(text) : severity === 'warning' ? style.yellow(text) : style.cyan(text);
}

/** A workflow command of GitHub Actions: the finding stands beside the line in the pull request. */
export function githubLine(finding: Finding): string {
  const { file, code, severity, message, range } = findingJson(finding);
  const kind = severity === 'info' ? 'notice' : severity;
  const end = range.end.line === range.start.line ? `,endColumn=${range.end.character + 1}` : '';
  const place = `file=${property(file)},line=${range.start.line + 1},endLine=${range.end.line + 1}`;
  return `::${kind} ${place},col=${range.start.character + 1}${end},title=${property(code)}::${data(message)}`;
}

function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
