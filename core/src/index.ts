/** The language door: from text to diagnostics and compiled jobs. Runs in a browser. */
export { check } from './check/check.ts';
export { createProject, type Project, type ProjectFiles } from './check/project.ts';
export { type Compiled, type CompileOptions, compile } from './compile/compile.ts';
export { type ReferenceValues, type Resolved, resolveReferences } from './compile/references.ts';
export { DIAGNOSTIC_CODES, type DiagnosticCode } from './model/codes.ts';
export type { Diagnostic, Fix, Range, Severity } from './model/diagnostic.ts';
export { type ErrorKind, type ErrorPlace, SluiceError, type SluiceErrorJson } from './model/error.ts';
export type * from './model/job.ts';
export type { Json, JsonObject } from './model/json.ts';
export { addCounts, type Checkpoint, type Counts, type FileIdentity, type StreamKey, zeroCounts } from './model/run.ts';
export { type Column, type DataType, formatType, parseType, sameType } from './model/type.ts';
export { renderFrame } from './text/frame.ts';
export type { Document, Entry, ListNode, MapNode, Node, ScalarNode } from './text/node.ts';
export { parseDocument } from './text/parse.ts';
export { offsetAt, type Position, positionAt } from './text/position.ts';
