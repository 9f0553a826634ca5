/** What is wrong with a cron text, as a message; null where it can fire. */
export function cronFault(text: string): string | null {
  const trimmed = text.trim();
  if (/^@(?:yearly|annually|monthly|weekly|daily|midnight|hourly)$/.test(trimmed)) return null;
  const fields = trimmed.split(/\s+/);
  if (trimmed.startsWith('@') || fields.length !== 5) {
    return `\`${text}\` is no cron: five fields (minute hour day month weekday), or \`@daily\` and the like.`;
  }
  return null;
}
