/** The import rules of ARCHITECTURE.md. */
const rule = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });
export default {
  forbidden: [
    rule(
      'no-cycles',
      'A cycle has no bottom to start reading from.',
      {},
      { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    ),
    rule(
      'core-is-the-ground',
      'core imports nothing of ours.',
      { path: '^core/src' },
      { path: '^(runner|lsp|vscode-extension)/' },
    ),
    rule(
      'language-is-light',
      'The language door runs in a browser: no Node module, no native module, no engine.',
      { path: '^core/src/(text|spec|model|check|compile|plan|schedule|language|specs|index)' },
      {
        path: '^core/src/(engine|registry|runtime)|node_modules/(pg|@duckdb|pg-copy-streams)',
        dependencyTypesNot: ['type-only'],
      },
    ),
    rule(
      'one-yaml',
      'core/text is the only importer of yaml.',
      { path: '^core/src', pathNot: '^core/src/text' },
      { path: 'node_modules/yaml' },
    ),
    rule(
      'spec-is-data',
      'A spec imports spec/ and types alone.',
      { path: 'spec\\.ts$', pathNot: '^core/src/spec/' },
      { pathNot: '^core/src/(spec|model)/|spec\\.ts$|settings\\.ts$' },
    ),
    rule(
      'connectors-apart',
      'A connector imports neither another connector nor the engine.',
      { path: '^core/src/connectors/([^/]+)/' },
      { path: '^core/src/(connectors/(?!$1/)(?!shared/)|engine|formats|check|compile)' },
    ),
    rule(
      'lsp-is-a-shell',
      'lsp uses the doors core and core/specs only.',
      { path: '^lsp/src' },
      { path: '^core/src/(?!index|specs)|^runner/' },
    ),
    rule(
      'extension-starts-lsp',
      'The extension imports types only: those of what it posts to its page.',
      { path: '^vscode-extension/src' },
      { path: '^(core|runner|lsp)/', pathNot: '^runner/dashboard/protocol\\.ts$' },
    ),
    rule(
      'secrets-late',
      'Secrets are looked up where they are used: by the executor, and by who tells a channel.',
      { path: '^runner/src', pathNot: '^runner/src/(executor/|secrets/|observe/deliver)|\\.test\\.ts$' },
      { path: '^runner/src/secrets/lookup', dependencyTypesNot: ['type-only'] },
    ),
    rule(
      'one-store',
      'Postgres state is reached through runner/store alone.',
      { path: '^runner/src', pathNot: '^runner/src/store|\\.test\\.ts$' },
      { path: 'node_modules/pg/' },
    ),
  ],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '\\.test\\.ts$' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['source', 'import', 'require', 'node', 'default'],
    },
  },
};
