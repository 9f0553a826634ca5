/** Every diagnostic code with its documentation row. The union of codes is closed: a code exists only here. */
export const DIAGNOSTIC_CODES = {
  'yaml/syntax': 'The text is not YAML.',
  'yaml/indent': 'A line is indented so that it belongs to nothing above it.',
  'yaml/tab': 'A tab stands where YAML wants spaces.',
  'yaml/quote': 'A text begins with, or holds, what YAML reads as something else; it must be quoted.',
  'yaml/escape': 'A backslash inside double quotes begins no known escape.',
  'yaml/tag': 'A YAML tag (`!x`, `!!str`); the language has none.',
  'yaml/directive': 'A YAML directive (`%YAML 1.1`); the language has none.',
  'yaml/documents': 'A second document in one file.',
  'yaml/duplicate-key': 'A key is given twice in one mapping.',
  'yaml/key': 'A key is not a plain word or a quoted text.',
  'yaml/alias': 'An alias names no anchor above it, or the anchor that it stands in.',
  'yaml/alias-bomb': 'Aliases multiply into a document that is too large.',
  'yaml/merge': '`<<` is given something else than a mapping.',
} as const satisfies Record<string, string>;

export type DiagnosticCode = keyof typeof DIAGNOSTIC_CODES;
