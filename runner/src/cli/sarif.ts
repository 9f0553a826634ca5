import { DIAGNOSTIC_CODES, type DiagnosticCode, VERSION } from '@sluice/core';
import { type Finding, findingJson } from './diagnostics.ts';

const LEVELS: Readonly<Record<string, string>> = { error: 'error', warning: 'warning', info: 'note' };

/** Findings as a SARIF 2.1.0 log, which code scanners take. Lines and columns count from 1, columns in UTF-16 units. */
export function sarifLog(findings: readonly Finding[]): object {
  const codes = [...new Set(findings.map(({ diagnostic }) => diagnostic.code))].sort();
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        columnKind: 'utf16CodeUnits',
        tool: { driver: { name: 'sluice', version: VERSION, rules: codes.map(ruleOf) } },
        results: findings.map((finding) => resultOf(finding, codes)),
      },
    ],
  };
}

function ruleOf(code: DiagnosticCode): object {
  return { id: code, shortDescription: { text: DIAGNOSTIC_CODES[code] } };
}

function resultOf(finding: Finding, codes: readonly DiagnosticCode[]): object {
  const { file, code, severity, message, range } = findingJson(finding);
  return {
    ruleId: code,
    ruleIndex: codes.indexOf(code as DiagnosticCode),
    level: LEVELS[severity],
    message: { text: message },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: file.split('/').map(encodeURIComponent).join('/') },
          region: {
            startLine: range.start.line + 1,
            startColumn: range.start.character + 1,
            endLine: range.end.line + 1,
            endColumn: range.end.character + 1,
          },
        },
      },
    ],
  };
}
