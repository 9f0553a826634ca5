#!/usr/bin/env node
process.stderr.write(
  'sluice-lsp: the language server is not built yet; `sluice validate` prints the same diagnostics.\n',
);
process.exitCode = 2;
