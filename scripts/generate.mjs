// Writes schemas/ from the language itself; with --check it only says whether what is committed is what would be written.
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = join(root, 'schemas');
// Below node_modules, so that the packages that stay outside of the bundle are found.
const bundle = join(root, 'node_modules', '.cache', 'sluice', 'pages.mjs');

await build({
  entryPoints: [join(root, 'core/scripts/pages.ts')],
  outfile: bundle,
  bundle: true,
  platform: 'node',
  format: 'esm',
  conditions: ['source'],
  packages: 'bundle',
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  logLevel: 'warning',
});
const { generatedFiles } = await import(pathToFileURL(bundle).href);
await rm(bundle);

const wanted = generatedFiles();
const present = new Map();
for (const entry of await readdir(out, { recursive: true, withFileTypes: true }).catch(() => [])) {
  if (!entry.isFile()) continue;
  const path = join(entry.parentPath, entry.name);
  present.set(path.slice(out.length + 1).replaceAll('\\', '/'), await readFile(path, 'utf8'));
}
// The OpenAPI document is written by the API's own part.
const ours = (name) => name.startsWith('reference/') || name.endsWith('.schema.json');
const stale = Object.keys(wanted).filter((name) => present.get(name) !== wanted[name]);
const gone = [...present.keys()].filter((name) => ours(name) && !(name in wanted));

if (process.argv.includes('--check')) {
  for (const name of [...stale, ...gone]) console.error(`schemas/${name} is stale`);
  if (stale.length + gone.length > 0) {
    console.error('Run `npm run generate` and commit what it writes.');
    process.exitCode = 1;
  }
} else {
  for (const name of stale) {
    await mkdir(dirname(join(out, name)), { recursive: true });
    await writeFile(join(out, name), wanted[name]);
  }
  for (const name of gone) await rm(join(out, name));
  console.error(`schemas: ${stale.length} written, ${gone.length} removed, ${Object.keys(wanted).length} in all`);
}
