/** The language door: from text to diagnostics and compiled jobs. Runs in a browser. */
export { channelTypes } from './check/channel-schema.ts';
export { check } from './check/check.ts';
export { type FoundReference, findReferences } from './check/find-references.ts';
export { jobSchema } from './check/job-schema.ts';
export { jobJsonSchema, projectJsonSchema } from './check/json-schema.ts';
export { type MergedJob, mergedJob } from './check/merged.ts';
export { plainOf } from './check/plain.ts';
export { createProject, type Project, type ProjectFiles } from './check/project.ts';
export { projectSchema } from './check/project-schema.ts';
export { jobPatterns, type Scope } from './check/scope.ts';
export { providerTypes } from './check/secrets-schema.ts';
export { nearest } from './check/suggest.ts';
export { visitJob } from './check/view.ts';
export { hasRole, type Principal, principalOf, type Rights, rightsTo } from './compile/access.ts';
export { canonicalJson, hashJson } from './compile/canonical.ts';
export { type Compiled, type CompileOptions, compile, compileAll, targetScope } from './compile/compile.ts';
export { concurrencyLimits } from './compile/concurrency.ts';
export { connectionUse } from './compile/connection.ts';
export { computePresets } from './compile/presets.ts';
export { projectSettings } from './compile/project-settings.ts';
export { type ReferenceValues, type Resolved, resolveReferences } from './compile/references.ts';
export { providersUsed, secretNames } from './compile/secrets.ts';
export { settleSettings } from './compile/settings.ts';
export { complete } from './language/complete.ts';
export { codeActions } from './language/fixes.ts';
export { hover } from './language/hover.ts';
export { codeLenses } from './language/lenses.ts';
export { type NewJob, newJobText, type SourceChoice, sourceChoices } from './language/new-job.ts';
export { observe } from './language/observed.ts';
export { definition, highlights, references } from './language/occurrences.ts';
export {
  type ConnectionOverview,
  type JobOverview,
  type ProjectOverview,
  projectOverview,
} from './language/overview.ts';
export { readable } from './language/readable.ts';
export { type ColumnRecord, type RecordedColumn, type RecordKeys, recordKeys, stepsHash } from './language/record.ts';
export { prepareRename, rename } from './language/rename.ts';
export { type RunErrorPlace, runErrorPlace } from './language/run-error.ts';
export { plainSnippet } from './language/snippets.ts';
export { documentLinks, foldingRanges, inlayHints } from './language/structure.ts';
export { documentSymbols, workspaceSymbols } from './language/symbols.ts';
export type * from './language/types.ts';
export { changedAddresses, streamAddress } from './model/address.ts';
export { DIAGNOSTIC_CODES, type DiagnosticCode } from './model/codes.ts';
export type { Diagnostic, Fix, Range, Severity } from './model/diagnostic.ts';
export { type ErrorKind, type ErrorPlace, messageOf, SluiceError, type SluiceErrorJson } from './model/error.ts';
export { globBase, globMatcher } from './model/glob.ts';
export type * from './model/job.ts';
export { isJsonObject, type Json, type JsonObject } from './model/json.ts';
export { isRunning } from './model/process.ts';
export type * from './model/project.ts';
export { entryOf, type QuarantinedRow, type ReplayEntry } from './model/quarantine.ts';
export { type SecretAddress, secretAddress } from './model/reference.ts';
export {
  addCounts,
  type Checkpoint,
  type Counts,
  type FileIdentity,
  type RunWindow,
  type StreamKey,
  zeroCounts,
} from './model/run.ts';
export { type Column, type DataType, formatType, parseType, sameType } from './model/type.ts';
export { uniqueNames } from './model/unique-names.ts';
export { parseDuration, parseSize } from './model/units.ts';
export { VERSION } from './model/version.ts';
export { addressesOf } from './plan/addresses.ts';
export { applied, destructiveEffects, diff, isEmpty } from './plan/diff.ts';
export { nextFire } from './plan/effects.ts';
export { withoutSecrets } from './plan/hide.ts';
export { type PartPlan, partOf } from './plan/part.ts';
export { planJson, planMarkdown, planText } from './plan/render.ts';
export { type Seen, withSeen } from './plan/seen-effects.ts';
export { changedJobs, type KnownState, withState } from './plan/state-effects.ts';
export { replacesAll, tableName } from './plan/table-effects.ts';
export { lookRefusal } from './plan/trust.ts';
export * from './plan/types.ts';
export { type Cron, type ParsedCron, parseCron } from './schedule/cron.ts';
export { describeCron } from './schedule/describe.ts';
export { finishedWindows, firstWindow, instantText } from './schedule/finished.ts';
export { fires, nextFires, previousFire, scheduleBounds } from './schedule/fires.ts';
export { dueWindows, lastCompleteWindow, type TimeWindow, windowsBetween } from './schedule/windows.ts';
export { formatLocal, localInstant } from './schedule/zone.ts';
export { type Schema, secretKeys } from './spec/schema.ts';
export { formatYaml } from './text/format.ts';
export { renderFrame } from './text/frame.ts';
export { LateDocument } from './text/late.ts';
export {
  type Document,
  type Entry,
  type ListNode,
  type MapNode,
  type Node,
  type ScalarNode,
  textOf as textIn,
} from './text/node.ts';
export { parseDocument } from './text/parse.ts';
export { type Pinned, type Pins, pinInto } from './text/pin.ts';
export { offsetAt, type Position, positionAt } from './text/position.ts';
export { reparse } from './text/reparse.ts';
export { setInto } from './text/set.ts';
export { textWidth } from './text/width.ts';
export { writeYaml } from './text/write.ts';
