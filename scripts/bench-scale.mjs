// `npm run bench:scale`: what many jobs and many daemons cost.
import { build } from 'esbuild';
import { bundle } from './bundle.mjs';

await build({ ...bundle, outfile: 'runner/dist/bench-scale.js', entryPoints: ['runner/bench/scale/main.ts'] });
await import('../runner/dist/bench-scale.js');
