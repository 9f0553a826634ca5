import { parseCron } from '../schedule/cron.ts';
import { describeCron } from '../schedule/describe.ts';
import { dstNotes } from '../schedule/dst.ts';
import { nextFires } from '../schedule/fires.ts';
import { formatLocal, isTimeZone } from '../schedule/zone.ts';
import type { ScalarNode } from '../text/node.ts';
import { textOf } from '../text/node.ts';
import { readable } from './readable.ts';
import type { LanguageContext } from './types.ts';
import { nodeOf, pathParts } from './visits.ts';

const YEAR = 366 * 24 * 3600 * 1000;
const SHOWN_FIRES = 5;

/** A cron in words with its next fires in its zone, and what the next clock changes do to it. */
export function hoverCron(context: LanguageContext, node: ScalarNode): string | null {
  const parsed = parseCron(node.source);
  const zone = zoneOf(context, node);
  if (!parsed.ok || !isTimeZone(zone)) return null;
  const now = context.host.now();
  const bounds = boundsOf(context, node);
  const fires = nextFires(parsed.cron, zone, now, SHOWN_FIRES, bounds).map((at) => `- ${formatLocal(at, zone)}`);
  const notes = dstNotes(parsed.cron, zone, now, now + YEAR).map((note) => `⚠ ${note.text}`);
  const next = fires.length > 0 ? `Next:\n${fires.join('\n')}` : 'It does not fire any more.';
  return [`**${describeCron(parsed.cron, zone)}**`, next, ...notes].join('\n\n');
}

/** A cron in words, for a hint behind it; null where it is none. */
export function cronWords(context: LanguageContext, node: ScalarNode): string | null {
  const parsed = parseCron(node.source);
  const zone = zoneOf(context, node);
  return parsed.ok && isTimeZone(zone) ? describeCron(parsed.cron, zone) : null;
}

function zoneOf(context: LanguageContext, node: ScalarNode): string {
  return settingOf(context, node, 'timezone') ?? 'UTC';
}

function boundsOf(context: LanguageContext, node: ScalarNode): { start?: number; end?: number } {
  const at = (key: string): number => Date.parse(settingOf(context, node, key) ?? '');
  const [start, end] = [at('start'), at('end')];
  return { ...(Number.isNaN(start) ? {} : { start }), ...(Number.isNaN(end) ? {} : { end }) };
}

/** A key that stands beside the cron, in the file or in what is laid under it. */
function settingOf(context: LanguageContext, node: ScalarNode, key: string): string | undefined {
  const document = readable(context.document);
  const beside = textOf(nodeOf(document.root, pathParts(node.path).slice(0, -1)), key);
  if (beside !== undefined && node.path.endsWith('/cron')) return beside;
  if (!node.path.startsWith('/schedule')) return undefined;
  return textOf(context.project.view(document, context.scope).job, 'schedule', key);
}
