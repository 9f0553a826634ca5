// `npm run bench`: bundles the benchmark, since Node 20 runs no TypeScript, and runs it.
import { build } from 'esbuild';
import { bundle } from './bundle.mjs';

await build({ ...bundle, outfile: 'runner/dist/bench.js', entryPoints: ['runner/bench/main.ts'] });
await import('../runner/dist/bench.js');
