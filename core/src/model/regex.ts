/** A text as a part of a regular expression, JavaScript's or RE2, that means the text itself. */
export function escapeRegex(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
