import { SluiceError } from '../../model/error.ts';

/** Formats that a web page can be read as. */
const READ_HTML: ReadonlySet<string> = new Set(['xml', 'text', 'fixed_width']);

/** Bytes that tell it. */
export const WEB_PAGE_HEAD = 1000;

/**
 * Refuses a web page in the place of data, such as one to log in, which a server sends with status 200: as CSV its lines would
 * be rows. `format`: what the job says. Throws `source/failed` (config).
 */
export function refuseWebPage(label: string, head: Buffer, format: string | undefined): void {
  if (format !== undefined && READ_HTML.has(format)) return;
  const text = head.toString('latin1', 0, WEB_PAGE_HEAD).replace(/^\xef\xbb\xbf/, '');
  if (!/^\s*(?:<\?xml[^>]*>\s*)?(?:<!--[\s\S]*?-->\s*)*<(?:!doctype\s+html|html)[\s>]/i.test(text)) return;
  throw new SluiceError('source/failed', 'config', `${label}: the answer is a web page (HTML) in the place of data`, {
    hint: 'Check `auth`, `base_url` and `path`: many servers answer so where a login is wanted. To read the page itself write `format: xml` or `format: text`.',
  });
}
