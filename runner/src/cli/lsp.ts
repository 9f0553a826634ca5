import type { Command } from 'commander';

export function define(command: Command): void {
  command.option('--stdio', 'speak over stdin and stdout, the only way there is').action(async () => {
    // Loaded here, so that other commands do not carry it.
    const { start } = await import('@sluice/lsp');
    start({ columnsWorker: [process.execPath, process.argv[1] ?? '', 'columns-worker'] });
    // The server ends the process itself, when its client goes.
    await new Promise(() => {});
  });
}
