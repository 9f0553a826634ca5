import { createConnection, ProposedFeatures } from 'vscode-languageserver/node';
import { serve } from './serve.ts';

/** Starts the language server over stdin and stdout; the process ends when its client does. Nothing else may write to stdout. */
export function start(): void {
  serve(createConnection(ProposedFeatures.all, process.stdin, process.stdout));
}
