import { dirname, join } from 'node:path';
import type { Document, LanguageContext } from '@sluice/core';
import { CONFIG, isFile } from './disk.ts';
import { below, pathOfUri, upward, uriOfPath } from './paths.ts';
import { ProjectFiles } from './project-files.ts';

/** An open document and the project that it belongs to. */
export interface OpenFile {
  uri: string;
  version: number;
  files: ProjectFiles;
  file: string;
}

/** Every project that a document was opened of, and the documents that are open. */
export class Workspace {
  readonly #projects = new Map<string, Promise<ProjectFiles>>();
  readonly #open = new Map<string, OpenFile>();
  /** Folders that the editor has open: projects are looked for upward to them and, without any, to the root. */
  folders: string[] = [];
  /** Called when all of a project's jobs are known, after it was opened or its sluice.yaml changed. */
  onWhole: (files: ProjectFiles) => void = () => {};

  /**
   * Takes in the text of a document. Only sluice.yaml, job files of a project, and documents that the editor says are of our
   * language are looked at: null for others.
   */
  async put(uri: string, languageId: string, version: number, text: string): Promise<OpenFile | null> {
    const known = this.#open.get(uri);
    if (known) {
      known.version = version;
      known.files.open(known.file, text);
      return known;
    }
    const place = await this.#placeOf(uri, languageId === 'sluice');
    if (!place) return null;
    const opened: OpenFile = { uri, version, ...place };
    this.#open.set(uri, opened);
    place.files.open(place.file, text);
    return opened;
  }

  async #placeOf(uri: string, ours: boolean): Promise<{ files: ProjectFiles; file: string } | null> {
    const path = pathOfUri(uri);
    if (path === null) return ours ? { files: await this.#load(uri, '/', true), file: 'untitled.yaml' } : null;
    const dir = await this.#projectDir(path);
    if (dir !== null) {
      const files = await this.#load(dir, dir, false);
      const file = below(dir, path);
      if (file !== null && files.owns(file)) return { files, file };
    }
    const named = ours || path.endsWith('.sluice.yaml');
    const file = below(dirname(path), path);
    return named && file !== null ? { files: await this.#load(path, dirname(path), true), file } : null;
  }

  /** Whether a file is a project's own: its sluice.yaml, or a job file by its patterns. */
  async isOurs(uri: string): Promise<boolean> {
    return this.#open.has(uri) || (await this.#placeOf(uri, false)) !== null;
  }

  async #projectDir(path: string): Promise<string | null> {
    for (const folder of upward(path)) if (await isFile(join(folder, CONFIG))) return folder;
    // One that is only being written lies nowhere yet.
    return path.endsWith(`/${CONFIG}`) ? dirname(path) : null;
  }

  #load(key: string, dir: string, lone: boolean): Promise<ProjectFiles> {
    let loading = this.#projects.get(key);
    if (!loading) {
      const files = new ProjectFiles(dir, lone);
      loading = files.load(() => this.onWhole(files)).then(() => files);
      this.#projects.set(key, loading);
    }
    return loading;
  }

  drop(uri: string): OpenFile | null {
    const opened = this.#open.get(uri) ?? null;
    this.#open.delete(uri);
    opened?.files.close(opened.file);
    return opened;
  }

  find(uri: string): OpenFile | null {
    return this.#open.get(uri) ?? null;
  }

  openFiles(): OpenFile[] {
    return [...this.#open.values()];
  }

  /** What is asked with of a document; null where it is none of ours. */
  contextOf(uri: string): LanguageContext | null {
    const opened = this.#open.get(uri);
    const document = opened?.files.document(opened.file);
    return opened && document ? opened.files.context(document) : null;
  }

  async projects(): Promise<ProjectFiles[]> {
    return await Promise.all(this.#projects.values());
  }

  /** The same, once all their jobs are known. */
  async wholeProjects(): Promise<ProjectFiles[]> {
    const projects = await this.projects();
    for (const files of projects) await files.whole;
    return projects;
  }

  /**
   * Loads the projects at the top of the folders that are open, and of `dirs`: for answers about files that are not open. One
   * whose sluice.yaml is gone, and of which no file is open, is forgotten.
   */
  async loadFolders(dirs: readonly string[] = []): Promise<void> {
    for (const folder of new Set([...this.folders, ...dirs]))
      if (await isFile(join(folder, CONFIG))) await this.#load(folder, folder, false);
    for (const files of await this.projects()) {
      const isOpen = this.openFiles().some((open) => open.files === files);
      if (!files.lone && !isOpen && !(await isFile(join(files.dir, CONFIG)))) this.#projects.delete(files.dir);
    }
  }

  /** Told of files that changed on disk; true where anything that is shown may differ. */
  async changed(uris: readonly string[]): Promise<boolean> {
    let differs = false;
    for (const uri of uris) {
      const path = pathOfUri(uri);
      if (path === null) continue;
      for (const files of await this.projects()) {
        const file = below(files.dir, path);
        if (file !== null && (await files.refresh(file))) differs = true;
      }
    }
    return differs;
  }

  /** The address of a file of a project, as the editor calls it where it is open. */
  uriOf(files: ProjectFiles, file: string): string {
    for (const opened of this.#open.values()) if (opened.files === files && opened.file === file) return opened.uri;
    return uriOfPath(join(files.dir, file));
  }

  documentOf(files: ProjectFiles, file: string): Document | null {
    return files.document(file);
  }
}
