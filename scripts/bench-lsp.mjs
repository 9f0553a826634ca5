// `npm run bench:lsp [-- --other PROGRAM]`: how long an editor waits for the language server, beside another one over the same files.
import { build } from 'esbuild';
import { bundle } from './bundle.mjs';

await build({ ...bundle, outfile: 'lsp/dist/bench.js', entryPoints: ['lsp/bench/main.ts'] });
await import('../lsp/dist/bench.js');
