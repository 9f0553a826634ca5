import type { LocalFile, Sniffed } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import type { JsonObject } from '../../model/json.ts';
import { encodingOf, type FoundEncoding } from './text.ts';

/** A dialect of formats whose files differ in their encoding alone: the encoding by each file's ordinal. */
type EncodingDialect = JsonObject & { encodings: [number, string][] };

/** Finds out the encoding of each file of a sample. Throws `format/encoding`. */
export async function sniffEncodings(
  files: readonly LocalFile[],
  declared: string,
): Promise<Pick<Sniffed, 'dialect' | 'evidence'> & { warnings: string[] }> {
  const dialect: EncodingDialect = { encodings: [] };
  const evidence: string[] = [];
  const warnings: string[] = [];
  for (const file of files) {
    const found = await encodingOf(file, declared);
    dialect.encodings.push([file.ordinal, found.encoding]);
    // Pieces of one file are seen several times.
    if (files.findIndex(({ path }) => path === file.path) < files.indexOf(file)) continue;
    if (found.guessed) warnings.push(guessed(file, found));
    if (found.reason !== null) evidence.push(`${file.name}: ${found.reason}`);
  }
  return { dialect, evidence, warnings };
}

/** What was found out, as settings: the encoding where all files share it. */
export function pinEncoding(dialect: JsonObject, declared: string): JsonObject {
  const [first, ...others] = (dialect as EncodingDialect).encodings.map(([, encoding]) => encoding);
  const shared = first !== undefined && others.every((encoding) => encoding === first);
  return declared === 'auto' && shared ? { encoding: first } : {};
}

/** The encoding of a file that the sample held or not. */
export async function knownEncoding(file: LocalFile, dialect: JsonObject, declared: string): Promise<string> {
  const { encodings } = dialect as EncodingDialect;
  const known = encodings.find(([ordinal]) => ordinal === file.ordinal)?.[1];
  if (known !== undefined) return known;
  const found = await encodingOf(file, declared);
  refuseUnsaid(file, found, new Set(encodings.map(([, encoding]) => encoding)));
  return found.encoding;
}

/** What the user is told where an encoding was guessed. */
export function guessed(file: LocalFile, { reason, encoding }: FoundEncoding): string {
  return `${file.name} is no UTF-8 and is read as ${reason}. Set \`encoding: ${encoding}\` under \`format\` to be sure.`;
}

/** What was guessed of the sample's files was said; a guess of another kind would not be. Throws `format/encoding`. */
export function refuseUnsaid(file: LocalFile, found: FoundEncoding, said: ReadonlySet<string>): void {
  if (!found.guessed || said.has(found.encoding)) return;
  throw new SluiceError('format/encoding', 'data', `${file.name} is no UTF-8, as the files seen before it are`, {
    where: { path: file.name },
    hint: `Say how it is written, such as \`encoding: ${found.encoding}\` under \`format\`, or save it as UTF-8.`,
  });
}
