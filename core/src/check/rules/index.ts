import type { Rule } from '../rule.ts';
import { afterLoad } from './after-load.ts';
import { appendTwice } from './append-twice.ts';
import { channels } from './channels.ts';
import { checkColumns } from './check-columns.ts';
import { columnUse } from './column-use.ts';
import { columns } from './columns.ts';
import { concurrency } from './concurrency.ts';
import { connections } from './connections.ts';
import { cursorValue } from './cursor-value.ts';
import { deletes } from './deletes.ts';
import { dependencies } from './dependencies.ts';
import { fileLayout } from './file-layout.ts';
import { idleSettings } from './idle-settings.ts';
import { incremental } from './incremental.ts';
import { jobNames } from './job-names.ts';
import { keptColumns } from './kept-columns.ts';
import { masks } from './masks.ts';
import { mergeKey } from './merge-key.ts';
import { partOfRows } from './part-of-rows.ts';
import { projectVersion } from './project-version.ts';
import { renamedFrom } from './renamed-from.ts';
import { schedule } from './schedule.ts';
import { secretLogins } from './secret-logins.ts';
import { secrets } from './secrets.ts';
import { sharedTables } from './shared-tables.ts';
import { sourceTable } from './source-table.ts';
import { streamNames } from './stream-names.ts';
import { tableFormat } from './table-format.ts';
import { targets } from './targets.ts';
import { windows } from './windows.ts';
import { workers } from './workers.ts';

/** Every rule. Their order does not matter: findings are sorted by place. */
export const rules: readonly Rule[] = [
  afterLoad,
  appendTwice,
  cursorValue,
  keptColumns,
  partOfRows,
  idleSettings,
  channels,
  checkColumns,
  columnUse,
  columns,
  concurrency,
  connections,
  deletes,
  dependencies,
  fileLayout,
  incremental,
  jobNames,
  masks,
  mergeKey,
  projectVersion,
  renamedFrom,
  schedule,
  secretLogins,
  secrets,
  sharedTables,
  sourceTable,
  streamNames,
  tableFormat,
  targets,
  windows,
  workers,
];
