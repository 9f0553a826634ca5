import type { LocalFile } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import { encoding as known } from '../../spec/encoding.ts';
import { readHead } from '../shared/sample.ts';
import { encodingOf, textChunks } from '../shared/text.ts';

const DECLARED = /^[^<]*<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z][\w.:-]*)["']/;
const names: ReadonlySet<string> = new Set(known.enum);
const synonyms: ReadonlyMap<string, string> = new Map(Object.entries(known['x-value-synonyms']));

/** The text of a document in the encoding of its mark or its declaration, else UTF-8. Throws `format/encoding`. */
export async function* documentText(file: LocalFile): AsyncGenerator<{ text: string; bytes: number }> {
  const head = (await readHead(file, 1024)).toString('latin1').replaceAll('\0', '');
  const written = (DECLARED.exec(head)?.[1] ?? 'utf-8').toLowerCase();
  const declared = names.has(written) ? written : synonyms.get(written);
  if (declared === undefined) throw wrong(file, `its encoding ${written} is not known`);
  const { encoding } = await encodingOf(file, declared);
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  try {
    for await (const chunk of textChunks(file.path, { encoding, footer: 0 })) {
      yield { text: decoder.decode(chunk, { stream: true }), bytes: chunk.length };
    }
    yield { text: decoder.decode(), bytes: 0 };
  } catch (cause) {
    if (cause instanceof TypeError) throw wrong(file, `it holds bytes that are no ${encoding}`, cause);
    throw cause;
  }
}

function wrong(file: LocalFile, reason: string, cause?: unknown): SluiceError {
  return new SluiceError('format/encoding', 'data', `${file.name}: ${reason}`, {
    where: { path: file.name },
    hint: 'Correct the encoding that the XML declaration names, or save the file as UTF-8.',
    cause,
  });
}
