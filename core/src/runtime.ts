/** The engine's door: it loads native modules, so editors and `validate` never import it. */
export { type OwnedEngine, openEngine } from './engine/duckdb.ts';
export { runStream } from './engine/epoch.ts';
export { type Expanded, expandStreams, streamOfTable } from './engine/expand.ts';
export { formatByName } from './engine/format-of.ts';
export { type Inferred, inferStream } from './engine/infer.ts';
export { openSource } from './engine/open-source.ts';
export type { EpochPorts, Phase, StreamOutcome, StreamRun } from './engine/ports.ts';
export { type Preview, previewStream } from './engine/preview.ts';
export type { ColumnProfile } from './engine/profile.ts';
export { cleanStream } from './engine/recover.ts';
export { replayInput } from './engine/replay.ts';
export { rewindStream } from './engine/rewind.ts';
export { runTask } from './engine/task.ts';
export type { TaskHooks, TaskInput, TaskOutput } from './engine/task-types.ts';
export type { Destination, DestinationSession, Discovered, Split, TaskLog } from './model/component.ts';
export { SluiceError, type SluiceErrorJson } from './model/error.ts';
export { faultPoint } from './model/fault.ts';
export * as registry from './registry.ts';
