import { child, textOf } from '../../text/node.ts';
import type { Rule } from '../rule.ts';

/** What is loaded piece by piece must not be replaced by the last piece. */
export const incremental: Rule = {
  stream({ stream, report }) {
    const written = child(stream.node, 'incremental', 'type');
    const type = textOf(stream.node, 'incremental', 'type');
    if (!written || type === undefined || type === 'none') return;
    const disposition = textOf(stream.node, 'destination', 'write_disposition');
    // A windowed replace drops the rows of its window alone.
    if (disposition === 'replace' && type !== 'window') {
      report(
        'incremental/replace',
        written,
        `\`${type}\` reads only what is new, and \`write_disposition: replace\` would drop the rest; use \`append\` or \`merge\`, or \`incremental: {type: none}\`.`,
      );
    }
  },
};
