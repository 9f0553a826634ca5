// Writes schemas/ from the language itself; with --check it only says whether what is committed is what would be written.
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = join(root, 'schemas');
/** Bundles a script below node_modules, so that the packages that stay outside of the bundle are found, and loads it. */
async function load(path) {
  const outfile = join(root, 'node_modules', '.cache', 'sluice', `${path.replaceAll('/', '-')}.mjs`);
  await build({
    entryPoints: [join(root, path)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    conditions: ['source'],
    packages: 'bundle',
    external: ['pg-native'],
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    define: { __dirname: 'import.meta.dirname', __filename: 'import.meta.filename' },
    logLevel: 'warning',
  });
  const loaded = await import(pathToFileURL(outfile).href);
  await rm(outfile);
  return loaded;
}

const [{ generatedFiles }, { openApiText }] = await Promise.all([
  load('core/scripts/pages.ts'),
  load('runner/scripts/openapi.ts'),
]);
const wanted = { ...generatedFiles(), 'openapi.json': await openApiText() };
const present = new Map();
for (const entry of await readdir(out, { recursive: true, withFileTypes: true }).catch(() => [])) {
  if (!entry.isFile()) continue;
  const path = join(entry.parentPath, entry.name);
  present.set(path.slice(out.length + 1).replaceAll('\\', '/'), await readFile(path, 'utf8'));
}
const ours = (name) => name.startsWith('reference/') || name.endsWith('.schema.json') || name === 'openapi.json';
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
