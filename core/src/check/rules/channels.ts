import { child, entryOf, itemsOf, type Node, textOf } from '../../text/node.ts';
import { NOTIFICATION_FIELDS } from '../channel-schema.ts';
import type { Report } from '../host.ts';
import type { Rule } from '../rule.ts';
import { textsOf } from '../scope.ts';
import { listWords, nearest } from '../suggest.ts';

/** `notify` names channels that exist and can come to tell something; a channel has all of what it logs in with. */
export const channels: Rule = {
  job({ view, project, report }) {
    for (const item of itemsOf(view.job, 'notify')) {
      const written = child(item, 'channel');
      const name = textOf(item, 'channel');
      if (!written || name === undefined) continue;
      if (!view.scope.channels.has(name)) {
        const known = [...view.scope.channels.keys()];
        const near = nearest(name, known);
        const hint = near
          ? `; did you mean \`${near}\`?`
          : known.length > 0
            ? `; there are ${listWords(known)}.`
            : ': `channels` is empty.';
        const fix = near ? { title: `Use \`${near}\``, edits: [{ range: written.range, text: near }] } : undefined;
        const message = project.files.config
          ? `sluice.yaml has no channel \`${name}\`${hint}`
          : `There is no sluice.yaml and so no channel \`${name}\`.`;
        report('channel/unknown', written, message, { fix });
      }
      const on = textsOf(item, 'on');
      if (on.length === 1 && on[0] === 'lateness' && child(view.job, 'sla') === undefined) {
        const message = 'A job without `sla` is never late: give it `sla: {freshness: …}` or `max_duration`.';
        report('notify/idle', child(item, 'on') ?? written, message, { severity: 'warning' });
      }
    }
  },
  project({ scope, report }) {
    for (const [name, { type, node, key }] of scope.channels) {
      if (type === 'webhook') checkTemplate(child(node, 'template'), report);
      if (type !== 'email') continue;
      const [user, password] = [entryOf(node, 'user'), entryOf(node, 'password')];
      if ((user === undefined) === (password === undefined)) continue;
      const given = user ? 'user' : 'password';
      const message = `\`${name}\` has a \`${given}\` and no \`${given === 'user' ? 'password' : 'user'}\`.`;
      report('channel/user', (user ?? password)?.key ?? key, message);
    }
  },
};

function checkTemplate(template: Node | undefined, report: Report): void {
  if (template?.kind !== 'scalar') return;
  const known: readonly string[] = NOTIFICATION_FIELDS;
  for (const [, name = ''] of template.source.matchAll(/\{\{\s*([^{}]*?)\s*\}\}/g)) {
    if (known.includes(name)) continue;
    const near = nearest(name, known);
    const hint = near ? `did you mean \`${near}\`?` : `there are ${listWords(known)}.`;
    report('channel/template', template, `A notification has no field \`${name}\`; ${hint}`);
  }
}
