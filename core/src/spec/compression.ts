import { schema } from './schema.ts';

/** How the files of a source are compressed; a key of every source of files. */
export const compression = schema({
  type: 'string',
  enum: ['auto', 'none', 'gzip', 'zstd', 'bz2', 'xz', 'zip'],
  'x-enum-text': [
    'Known by a file’s first bytes; files may differ.',
    'Files are read as they stand.',
    'Every file is compressed by gzip.',
    'Every file is compressed by zstd.',
    'Every file is compressed by bzip2.',
    'Every file is compressed by xz.',
    'Every file is a zip archive, whatever its name.',
  ],
  'x-value-synonyms': {
    gz: 'gzip',
    zst: 'zstd',
    zstandard: 'zstd',
    bzip2: 'bz2',
    lzma2: 'xz',
    infer: 'auto',
    uncompressed: 'none',
  },
  default: 'auto',
  description:
    'How files are compressed. They are unpacked on the disk of the spool before they are read. Each file in a zip archive is a file of its own, named `archive.zip!/member.csv`, and `exclude` applies to it. A file that unpacks to more than 1 GB and 250 times its size is refused.',
});
