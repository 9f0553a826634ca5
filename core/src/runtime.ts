/** The engine's door: it loads native modules, so editors and `validate` never import it. */
export { type OwnedEngine, openEngine } from './engine/duckdb.ts';
export {
  cleanStream,
  type EpochPorts,
  type Phase,
  runStream,
  type StreamOutcome,
  type StreamRun,
} from './engine/epoch.ts';
export { type Preview, previewStream } from './engine/preview.ts';
export { runTask, type TaskHooks, type TaskInput, type TaskOutput } from './engine/task.ts';
export type { Destination, DestinationSession, TaskLog } from './model/component.ts';
export { SluiceError, type SluiceErrorJson } from './model/error.ts';
export { faultPoint } from './model/fault.ts';
export * as registry from './registry.ts';
