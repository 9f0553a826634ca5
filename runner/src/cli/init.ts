import { lstat, mkdir, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { usage } from './errors.ts';
import { type CommonOptions, outputOf, withCommon } from './options.ts';
import { print, tell } from './terminal.ts';

export function define(command: Command): void {
  withCommon(command, ['text', 'json'])
    .argument('[dir]', 'folder of the project; made where it is not there', '.')
    .action(init);
}

async function init(dir: string, options: CommonOptions): Promise<void> {
  const { OPTIONAL, projectFiles } = await import('./init-files.ts');
  const root = resolve(options.project ?? '.', dir);
  const files = Object.entries(projectFiles(projectName(root)));
  const found = await stat(root).catch(() => null);
  if (found && !found.isDirectory()) throw usage('folder', `${dir} is no folder`);
  const present = new Set<string>();
  for (const [name] of files) if (await lstat(join(root, name)).catch(() => null)) present.add(name);
  const inTheWay = [...present].filter((name) => !OPTIONAL.has(name));
  if (inTheWay.length > 0) {
    const are = inTheWay.length === 1 ? 'is' : 'are';
    throw usage('exists', `${inTheWay.join(', ')} ${are} there already`, 'Nothing was written. Name another folder.');
  }
  const made = files.filter(([name]) => !present.has(name));
  for (const [name, text] of made) {
    const path = join(root, name);
    await mkdir(dirname(path), { recursive: true });
    // Nothing is overwritten, whatever was made since it was looked at.
    await writeFile(path, text, { flag: 'wx' });
  }
  const names = made.map(([name]) => join(dir, name));
  print(outputOf(options) === 'json' ? JSON.stringify(names, null, 2) : names.join('\n'));
  if (options.quiet) return;
  for (const name of present) tell(`${join(dir, name)} was there and is left as it is`);
  if (present.has('.gitignore')) tell('Add .sluice/ and .env to .gitignore: they hold data and secrets.');
  const here = relative(process.cwd(), root);
  tell(`\nNext:${here === '' ? '' : `\n  cd ${here}`}\n  sluice run orders\n  sluice sql "select * from orders"`);
}

/** A name that sluice.yaml accepts, after the folder. */
function projectName(folder: string): string {
  const plain = basename(folder)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^[^a-z]+|-+$/g, '');
  return plain === '' ? 'project' : plain.slice(0, 60);
}
