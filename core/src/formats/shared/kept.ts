import type { KeptForm } from '../../model/component.ts';
import { SluiceError } from '../../model/error.ts';
import type { JsonObject } from '../../model/json.ts';

/** The form of formats whose rows are lines that stand for themselves. */
export function keptLines(settings: JsonObject): KeptForm {
  return { settings, head: '', write: (text) => `${text.replaceAll(/\r\n|\r|\n/g, ' ')}\n`, alone: () => false };
}

/** The same for lines of text, whose file was skipped into and decoded when they were set aside. */
export function keptTextLines(settings: JsonObject): KeptForm {
  return keptLines({ ...settings, encoding: 'utf-8', skip_rows: 0, skip_footer: 0 });
}

/** The error of rows that only the head of their file gives names to. */
export function headGone(): SluiceError {
  return new SluiceError(
    'quarantine/layout',
    'data',
    'The names of the columns stand in the file that the rows come from, which is not at its source any more',
    {
      hint: 'Put the file back, or load the corrected rows as a file of their own: `sluice quarantine show` prints them.',
    },
  );
}
