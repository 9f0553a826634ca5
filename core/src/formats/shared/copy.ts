import { mkdir, readdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Engine, WriteRequest, WrittenFile } from '../../model/component.ts';
import { ident, literal } from '../../model/sql.ts';

/**
 * Runs the engine's COPY of a SELECT into the request's folder, by folders of values or by size where that is asked for.
 * `options` are the format's own, `extension` has its dot. Returns the rows and the files, by name.
 */
export async function copyToFiles(
  engine: Engine,
  select: string,
  request: WriteRequest,
  options: string,
  extension: string,
): Promise<{ rows: number; files: WrittenFile[] }> {
  const { folder, name, partitionBy, fileSize } = request;
  await mkdir(folder, { recursive: true });
  if (partitionBy.length === 0 && fileSize === null) {
    const path = `${name}-00000${extension}`;
    const rows = await engine.changed(
      `COPY (${select}) TO ${literal(join(folder, path))} (${options}, USE_TMP_FILE false)`,
    );
    return { rows, files: await found(folder, [path]) };
  }
  const split =
    partitionBy.length > 0
      ? `PARTITION_BY (${partitionBy.map((c) => ident(c)).join(', ')}), OVERWRITE_OR_IGNORE`
      : `FILE_SIZE_BYTES ${fileSize}, OVERWRITE_OR_IGNORE`;
  const pattern = `FILENAME_PATTERN ${literal(`${name}-{i}`)}, FILE_EXTENSION ${literal(extension.slice(1))}`;
  const rows = await engine.changed(`COPY (${select}) TO ${literal(folder)} (${options}, ${split}, ${pattern})`);
  const made = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths: string[] = [];
  for (const entry of made.filter((e) => e.isFile())) {
    const padded = entry.name.replace(/-(\d+)(\.\w+)$/, (_, n: string, end: string) => `-${n.padStart(5, '0')}${end}`);
    if (padded !== entry.name) await rename(join(entry.parentPath, entry.name), join(entry.parentPath, padded));
    const below = entry.parentPath.slice(folder.length).replaceAll('\\', '/').replace(/^\//, '');
    paths.push(below === '' ? padded : `${below}/${padded}`);
  }
  return { rows, files: await found(folder, paths.sort()) };
}

function found(folder: string, paths: readonly string[]): Promise<WrittenFile[]> {
  return Promise.all(paths.map(async (path) => ({ path, size: (await stat(join(folder, path))).size })));
}
