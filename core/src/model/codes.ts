/** Every diagnostic code with its documentation row. The union of codes is closed: a code exists only here. */
export const DIAGNOSTIC_CODES = {
  'yaml/syntax': 'The text is not YAML.',
} as const satisfies Record<string, string>;

export type DiagnosticCode = keyof typeof DIAGNOSTIC_CODES;
