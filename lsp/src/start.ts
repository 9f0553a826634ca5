import { createConnection, ProposedFeatures } from 'vscode-languageserver/node';
import { serve } from './serve.ts';

/**
 * Starts the language server over stdin and stdout; the process ends when its client does. Nothing else may write to stdout.
 * `columnsWorker`: program and arguments of the worker that reads columns, where the client names none.
 */
export function start(options: { columnsWorker?: readonly string[] } = {}): void {
  serve(createConnection(ProposedFeatures.all, process.stdin, process.stdout), options);
}
