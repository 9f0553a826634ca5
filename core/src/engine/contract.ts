import { SluiceError } from '../model/error.ts';
import type { Stream } from '../model/job.ts';
import { type Column, type DataType, formatType, sameType } from '../model/type.ts';
import type { ContractColumn } from './stream-plan.ts';
import { widerStoredType, widerType } from './typing/widen.ts';

export interface ContractDecision {
  contract: ContractColumn[];
  addColumns: Column[];
  alterColumns: Column[];
}

/**
 * What a stream's `schema_contract` makes of the difference between the rows' columns and the table's.
 * A type that the table's type holds without loss is written as the table's; another one is altered, refused, or acts on
 * the value or row. Throws `schema/frozen` where `freeze` forbids a change.
 */
export function decideContract(
  output: readonly Column[],
  table: readonly Column[] | null,
  stream: Stream,
): ContractDecision {
  if (table === null) {
    const contract = output.map((c) => ({
      name: c.name,
      from: c.type,
      type: c.type,
      action: 'keep' as const,
      unknown: false,
    }));
    return { contract, addColumns: [], alterColumns: [] };
  }
  const byName = new Map(table.map((c) => [c.name, c]));
  const decision: ContractDecision = { contract: [], addColumns: [], alterColumns: [] };
  for (const column of output) {
    const existing = byName.get(column.name);
    if (existing === undefined) addNew(column, stream, decision);
    else addKnown(column, existing.loose && isNumber(column.type) ? column.type : existing.type, stream, decision);
  }
  return decision;
}

function addNew(column: Column, stream: Stream, decision: ContractDecision): void {
  const mode = stream.schema_contract.columns;
  if (mode === 'freeze') {
    throw frozen(
      stream,
      `The rows have a column ${column.name} (${formatType(column.type)}) that the table does not have`,
      column.name,
      'columns',
    );
  }
  const action = mode === 'evolve' ? 'keep' : mode === 'discard_value' ? 'drop' : mode;
  decision.contract.push({
    name: column.name,
    from: column.type,
    type: column.type,
    action,
    unknown: mode !== 'evolve',
  });
  if (mode === 'evolve') decision.addColumns.push(column);
}

function addKnown(column: Column, existing: DataType, stream: Stream, decision: ContractDecision): void {
  const entry = { name: column.name, from: column.type, type: existing, unknown: false };
  if (sameType(column.type, existing) || sameType(widerType(column.type, existing), existing)) {
    decision.contract.push({ ...entry, action: 'keep' });
    return;
  }
  const mode = stream.schema_contract.data_type;
  if (mode === 'freeze') {
    const types = `${formatType(column.type)} in the rows, ${formatType(existing)} in the table`;
    throw frozen(stream, `Column ${column.name} is ${types}`, column.name, 'data_type');
  }
  if (mode === 'evolve') {
    const type = widerStoredType(existing, column.type);
    decision.contract.push({ ...entry, type, action: 'keep' });
    decision.alterColumns.push({ name: column.name, type });
    return;
  }
  decision.contract.push({ ...entry, action: mode === 'discard_value' ? 'null_value' : mode });
}

function frozen(stream: Stream, what: string, column: string, part: string): SluiceError {
  return new SluiceError('schema/frozen', 'data', `${what}, and schema_contract.${part} is freeze`, {
    where: { stream: stream.name, column },
    hint: `Declare the column's type under \`columns\`, or set \`schema_contract: {${part}: evolve}\` under \`destination\` to let the table change.`,
  });
}

function isNumber({ kind }: DataType): boolean {
  return kind === 'int' || kind === 'bigint' || kind === 'double' || kind === 'decimal';
}
