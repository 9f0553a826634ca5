#!/usr/bin/env node
// Committed, so that `npm ci` finds a program to link before anything is built.
import { existsSync } from 'node:fs';

const built = new URL('../dist/sluice.js', import.meta.url);
if (existsSync(built)) await import(built.href);
else {
  process.stderr.write('sluice is not built yet: run `npm run build` in the checkout first.\n');
  process.exitCode = 2;
}
