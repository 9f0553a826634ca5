import type { Command } from 'commander';

/** A command as the program lists it. */
export interface CommandEntry {
  summary: string;
  /** Adds arguments, options and the action: a command's file is loaded only where its name is called. */
  load(): Promise<{ define(command: Command): void }>;
}
