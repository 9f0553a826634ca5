import type { Json } from '../model/json.ts';
import type { PartPlan } from './part.ts';
import type { Change, ChangeAction, FieldChange, Plan } from './types.ts';

const SIGNS: Readonly<Record<ChangeAction, string>> = { create: '+', update: '~', delete: '-', none: ' ' };
/** A value that is longer says more by its beginning than by all of it. */
const LONGEST = 200;

/** The plan, or a part of it, as JSON. */
export function planJson(plan: Plan | PartPlan): string {
  return JSON.stringify(plan, null, 2);
}

/** The plan for a terminal: what changes and why; no line for what stays, unless a broken file holds it. */
export function planText(plan: Plan | PartPlan): string {
  const parts = shown(plan).map((change) => {
    const lines = [`${SIGNS[change.action]} ${change.address}  (${line(change.reason)})`];
    for (const { path, old, new: now } of change.fields) lines.push(`    ${path}: ${value(old)} → ${value(now)}`);
    for (const { message, destructive } of change.effects) {
      lines.push(`    ${destructive ? '! destructive: ' : '> '}${line(message)}`);
    }
    return lines.join('\n');
  });
  for (const { file, message } of plan.problems) parts.push(`? ${line(file)}: ${line(message)}`);
  for (const warning of plan.warnings) parts.push(`warning: ${line(warning)}`);
  parts.push(`${summary(plan)}\n${plan.hash === null ? othersText(plan.others) : `plan ${plan.hash}`}`);
  return parts.join('\n');
}

/** The plan for a comment on a pull request. */
export function planMarkdown(plan: Plan | PartPlan): string {
  const parts = [`### Plan for \`${plan.project}\`, target \`${plan.target}\``, `**${summary(plan)}**`];
  const changes = shown(plan);
  if (changes.length > 0) {
    const rows = changes.map((change) => {
      const cells = [`\`${change.address}\``, change.action, fieldCells(change.fields), effectCells(change)];
      return `| ${cells.join(' | ')} |`;
    });
    parts.push(['| job | | fields | effects |', '|---|---|---|---|', ...rows].join('\n'));
  }
  if (plan.problems.length > 0) {
    parts.push(
      ['Problems:', ...plan.problems.map(({ file, message }) => `- ${code(file)}: ${cell(message)}`)].join('\n'),
    );
  }
  if (plan.warnings.length > 0) parts.push(plan.warnings.map((warning) => `- ${cell(warning)}`).join('\n'));
  parts.push(plan.hash === null ? othersText(plan.others) : `\`${plan.hash}\``);
  return `${parts.join('\n\n')}\n`;
}

/** A part cannot be applied: what else there is, is said in the place of the hash. */
function othersText(others: number): string {
  return `${others} ${others === 1 ? 'change' : 'changes'} of other jobs not shown`;
}

function shown(plan: Plan | PartPlan): Change[] {
  return plan.changes.filter(({ action, reason }) => action !== 'none' || reason !== 'nothing changed');
}

/** `1 to create, 2 to update, 0 to delete`. */
function summary({ changes, problems }: Plan | PartPlan): string {
  const count = (action: ChangeAction) => changes.filter((change) => change.action === action).length;
  const [create, update, remove] = [count('create'), count('update'), count('delete')];
  const broken = problems.length === 0 ? '' : `; ${problems.length} broken`;
  if (create + update + remove === 0) return `no changes${broken}`;
  const losses = changes.flatMap(({ effects }) => effects.filter(({ destructive }) => destructive)).length;
  const lost = losses === 0 ? '' : `; ${losses} destructive`;
  return `${create} to create, ${update} to update, ${remove} to delete${broken}${lost}`;
}

function fieldCells(fields: readonly FieldChange[]): string {
  return fields
    .map(({ path, old, new: now }) => `${code(path)}: ${code(value(old))} → ${code(value(now))}`)
    .join('<br>');
}

function effectCells({ effects, reason, action }: Change): string {
  const texts = effects.map(({ message, destructive }) => `${destructive ? '**destructive**: ' : ''}${cell(message)}`);
  return (texts.length > 0 || action !== 'none' ? texts : [cell(reason)]).join('<br>');
}

function value(json: Json): string {
  const text = line(JSON.stringify(json));
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

/** Texts of files may hold what moves a terminal's cursor. */
function line(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, ' ');
}

/** Nothing in a cell ends it, nor is taken for markup. */
function cell(text: string): string {
  return line(text).replace(/[\\`*_[\]<>|@#]/g, (mark) => `&#${mark.charCodeAt(0)};`);
}

function code(text: string): string {
  return `<code>${cell(text).replace(/&(?!#\d+;)/g, '&amp;')}</code>`;
}
