import type { Disk } from './disk.ts';
import type { Shelf } from './ledger.ts';

/** Segments of a ledger as files of a folder. */
export function folderShelf(disk: Disk, folder: string): Shelf {
  const at = (segment: string) => disk.paths.join(folder, segment);
  return {
    lines: (segment) => disk.lines(at(segment)),
    async write(segment, chunks) {
      await disk.mkdir(folder);
      await disk.write(at(segment), chunks);
    },
    names: () => disk.names(folder),
    remove: (segment) => disk.remove(at(segment)),
  };
}
