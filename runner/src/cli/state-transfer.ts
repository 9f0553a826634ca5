import { once } from 'node:events';
import { createReadStream, createWriteStream, type WriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { SluiceError } from '@sluice/core';
import { openStateStore, stateLocation } from '../store/store.ts';
import { type CommonOptions, outputOf } from './options.ts';
import { openProject } from './project.ts';
import { plural, print, tell } from './terminal.ts';
import { stateStoreOf } from './unset.ts';

export interface ExportOptions extends CommonOptions {
  all?: boolean;
}

/** A file takes its name once it is whole, and is for its owner alone: it says how jobs are defined. */
export async function exportState(file: string, options: ExportOptions): Promise<void> {
  const project = await openProject(options);
  const store = await openStateStore({ projectDir: project.dir, stateStore: stateStoreOf(project) });
  const draft = file === '-' ? null : `${file}.${process.pid}.partial`;
  const out = draft === null ? process.stdout : createWriteStream(draft, { mode: 0o600 });
  try {
    const opened = draft === null ? undefined : once(out as WriteStream, 'open');
    await opened;
    const write = (line: string) => writeLine(out, `${line}\n`);
    const { rows, alive } = await store.exportState(options.all ? null : project.project.name, write);
    if (draft !== null) {
      (out as WriteStream).end();
      await once(out, 'finish');
      await rename(draft, file);
      print(outputOf(options) === 'json' ? JSON.stringify({ file, rows, alive }) : `${file}: ${plural(rows, 'row')}`);
    }
    if (alive > 0) tell(`${plural(alive, 'run')} went on meanwhile: what they still commit is not in it.`);
  } catch (error) {
    if (draft !== null) await rm(draft, { force: true });
    throw fileError(error, file);
  } finally {
    await store.close();
  }
}

/** Waits where the other end takes no more, and for what went wrong on the way. */
function writeLine(out: NodeJS.WritableStream, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    out.write(text, (error) => (error ? reject(error) : resolve()));
  });
}

/** Lines of a text; unlike readline's they end with the stream's own error where it breaks. */
async function* linesOf(input: NodeJS.ReadableStream): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of input) {
    const lines = (rest + decoder.decode(chunk as Buffer, { stream: true })).split(/\r?\n/);
    rest = lines.pop() ?? '';
    yield* lines;
  }
  yield rest + decoder.decode();
}

export async function importState(file: string, options: CommonOptions): Promise<void> {
  const project = await openProject(options);
  const stateStore = stateStoreOf(project);
  const input = file === '-' ? process.stdin : createReadStream(file);
  try {
    // A file that cannot be read is told before a server is started.
    if (file !== '-') await once(input, 'open');
    const onOldData = (folder: string, version: string) =>
      tell(`The data of PostgreSQL ${version} are kept in ${folder}`);
    const store = await openStateStore({ projectDir: project.dir, stateStore, onOldData });
    try {
      const { rows, known, project: from } = await store.importState(linesOf(input));
      const { place } = stateLocation({ projectDir: project.dir, stateStore });
      if (outputOf(options) === 'json') print(JSON.stringify({ rows, known, project: from }));
      else print(`${plural(rows, 'row')} imported into ${place}, ${known} were there already`);
      if (from !== null && from !== project.project.name) {
        tell(`It is the state of the project ${from}; this one is called ${project.project.name}.`);
      }
    } finally {
      await store.close();
    }
  } catch (error) {
    throw fileError(error, file);
  }
}

function fileError(error: unknown, file: string): unknown {
  if (error instanceof SluiceError) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined || !/^E[A-Z]+$/.test(code)) return error;
  const why: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file or folder',
    EACCES: 'no right to it',
    EISDIR: 'it is a folder',
    ENOSPC: 'the disk is full',
    EDQUOT: 'the disk quota is used up',
  };
  return new SluiceError('state/file', 'config', `${file}: ${why[code] ?? code}`, { cause: error });
}
