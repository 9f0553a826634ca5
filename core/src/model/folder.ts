/** A folder of files, on a disk or in a store of objects. Paths are below it, with `/`. Each call throws SluiceErrors. */
export interface Folder {
  /** What messages call it. */
  readonly name: string;
  /** The bytes of a file; null where it is not there. */
  read(path: string): Promise<Buffer | null>;
  /** Files right in a folder below, whose names are not before `from` by their bytes, in that order. */
  list(folder: string, from?: string): Promise<{ name: string; size: number }[]>;
}

/** A folder that can be written to. What a call wrote is whole and lasts once it returns. */
export interface WritableFolder extends Folder {
  /** Writes a file only where none is there: of several writers one gets true. */
  create(path: string, bytes: Buffer): Promise<boolean>;
  write(path: string, bytes: Buffer): Promise<void>;
  /** A file of this machine gets its place here; it may be gone afterwards. */
  bring(local: string, path: string): Promise<void>;
  /** A path on this machine where the file can be read: its own, or a copy in the folder `into`. */
  local(path: string, into: string): Promise<string>;
  /** Bytes of a file; null where it is not there. */
  size(path: string): Promise<number | null>;
  /** Removing what is not there succeeds. */
  remove(path: string): Promise<void>;
  /** Removes a folder with all that lies in it. */
  removeAll(folder: string): Promise<void>;
}
