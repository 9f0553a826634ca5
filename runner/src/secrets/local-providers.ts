import { readFile, realpath } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { type MakeProvider, notFound, pick, refused } from './provider.ts';

/** Where container runtimes mount secrets. */
const MOUNTED = '/run/secrets';

/** Our own store. */
export const makeStore: MakeProvider = ({ store }) => ({
  async read(address) {
    const value = (await (await store()).get([address.path])).get(address.path);
    if (value === undefined) throw notFound(address, `Set it: sluice secret set ${address.path}`);
    return pick(address, value);
  },
});

/** Files below one folder; a link may not lead out of it. */
export const makeFile: MakeProvider = ({ settings, projectDir }) => ({
  async read(address) {
    const folder = resolve(projectDir, typeof settings.folder === 'string' ? settings.folder : MOUNTED);
    const file = join(folder, address.path);
    try {
      const inside = relative(await realpath(folder), await realpath(file));
      if (inside === '' || inside.startsWith('..') || isAbsolute(inside))
        throw refused(address, 'it lies outside of the folder of the provider', 'Put the file into the folder itself.');
      return pick(address, (await readFile(file, 'utf8')).replace(/\r?\n$/, ''));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR') throw notFound(address, `There is no file ${file}.`);
      if (code === 'EACCES' || code === 'EISDIR')
        throw refused(address, code === 'EISDIR' ? 'it is a folder' : 'no right to read it', `Look at ${file}.`);
      throw error;
    }
  },
});

/** Variables of the environment. */
export const makeEnv: MakeProvider = ({ settings, env }) => ({
  async read(address) {
    const name = `${typeof settings.prefix === 'string' ? settings.prefix : ''}${address.path}`;
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    if (value === undefined) throw notFound(address, `Set the environment variable ${name}.`);
    return pick(address, value);
  },
});
