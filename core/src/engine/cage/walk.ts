import { isHidden } from '../../model/columns.ts';
import {
  AGGREGATE_FUNCTIONS,
  ROW_MAKING_FUNCTIONS,
  SCALAR_FUNCTIONS,
  SESSION_WORDS,
  TABLE_FUNCTIONS,
} from '../../model/sql-functions.ts';
import type { SqlShape } from '../../model/sql-scope.ts';
import { CageError } from './error.ts';
import { isTree, parameterError, type Tree } from './parse.ts';

/** What the walk found. Names are as written; the caller matches them with the relation's columns. */
export interface Findings extends SqlShape {
  names: Set<string>;
  /** `*` or COLUMNS(…) stands somewhere: any column may be used. */
  star: boolean;
}

export interface WalkRules {
  /** Subqueries and tables may stand in the text. */
  query: boolean;
  /** Schema and database names of the instance: a call under one of them is not a method call on a column. */
  places: ReadonlySet<string>;
  /** Names of the relation's columns in lower case; null where they are not known. */
  columns: ReadonlySet<string> | null;
}

const EXPRESSION_CLASSES = new Set(
  'BETWEEN CASE CAST COLLATE COLUMN_REF COMPARISON CONJUNCTION CONSTANT FUNCTION LAMBDA OPERATOR POSITIONAL_REFERENCE STAR SUBQUERY WINDOW'.split(
    ' ',
  ),
);

/** Kinds of all that is not an expression: queries, tables, modifiers, orders. What is not named is refused. */
const OTHER_TYPES = new Set(
  [
    'SELECT_NODE SET_OPERATION_NODE RECURSIVE_CTE_NODE',
    'BASE_TABLE SUBQUERY JOIN TABLE_FUNCTION EXPRESSION_LIST EMPTY PIVOT',
    'ORDER_MODIFIER LIMIT_MODIFIER LIMIT_PERCENT_MODIFIER DISTINCT_MODIFIER',
    'ASCENDING DESCENDING ORDER_ASCENDING ORDER_DESCENDING ORDER_DEFAULT',
  ]
    .join(' ')
    .split(' '),
);

interface Scope {
  /** Names of the tables that stand for something here, in lower case. */
  tables: ReadonlySet<string>;
  lambda: ReadonlySet<string>;
}

/**
 * Walks a syntax tree and refuses what is not known to be harmless. Throws CageError.
 * The tree is searched without knowledge of which key holds what, so that a node cannot hide in a key that was forgotten.
 */
export function walkTree(tree: unknown, rules: WalkRules): Findings {
  const findings: Findings = { aggregate: false, window: false, names: new Set(), star: false };
  new Walker(rules, findings).visit(tree, { tables: new Set(rules.query ? ['input'] : []), lambda: new Set() });
  return findings;
}

class Walker {
  readonly #rules: WalkRules;
  readonly #found: Findings;

  constructor(rules: WalkRules, findings: Findings) {
    this.#rules = rules;
    this.#found = findings;
  }

  visit(value: unknown, scope: Scope): void {
    if (Array.isArray(value)) {
      for (const item of value) this.visit(item, scope);
      return;
    }
    if (!isTree(value)) return;
    this.#refuseReservedNames(value);
    if (typeof value.class === 'string') this.#expression(value, value.class, scope);
    else if (isTree(value.type)) return;
    else this.#other(value, scope);
  }

  #children(node: Tree, scope: Scope, except: readonly string[] = []): void {
    for (const [key, child] of Object.entries(node)) {
      if (!except.includes(key)) this.visit(child, scope);
    }
  }

  #expression(node: Tree, kind: string, scope: Scope): void {
    if (kind === 'PARAMETER') throw parameterError();
    if (!EXPRESSION_CLASSES.has(kind)) throw unsupported(kind);
    switch (kind) {
      case 'CONSTANT':
        return;
      case 'CAST':
        this.visit(node.child, scope);
        return;
      case 'COLUMN_REF':
        this.#columnRef(node, scope);
        return;
      case 'LAMBDA':
        this.#lambda(node, scope);
        return;
      case 'STAR':
      case 'POSITIONAL_REFERENCE':
        this.#star(kind);
        break;
      case 'SUBQUERY':
        this.#subquery();
        break;
      case 'FUNCTION':
      case 'WINDOW':
        this.#call(node, kind);
        break;
    }
    this.#children(node, scope);
  }

  #columnRef(node: Tree, scope: Scope): void {
    const names = (node.column_names as string[]).map(String);
    for (const name of names) if (isHidden(name)) throw reserved(name);
    const first = names[0]?.toLowerCase() ?? '';
    if (scope.lambda.has(first)) return;
    const columns = this.#rules.columns;
    if (names.length === 1 && SESSION_WORDS.has(first) && columns && !columns.has(first)) throw callRefused(first);
    if (!this.#rules.query && first === 'input' && names.length === 1 && columns?.has('input') !== true) {
      throw new CageError(
        'sql/whole_row',
        '`input` as a value stands for the whole row',
        'Name the columns that are meant',
      );
    }
    const qualified = names.length > 1 && columns?.has(first) !== true;
    this.#found.names.add(qualified ? (names[1] ?? '') : (names[0] ?? ''));
    if (qualified) this.#found.names.add(names[0] ?? '');
  }

  #lambda(node: Tree, scope: Scope): void {
    const names = new Set(scope.lambda);
    for (const name of lambdaNames(node.lhs)) names.add(name.toLowerCase());
    this.#children(node, { ...scope, lambda: names });
  }

  #star(kind: string): void {
    this.#found.star = true;
    if (this.#rules.query) return;
    const what = kind === 'STAR' ? '`*` or COLUMNS(…)' : 'a column by its number';
    throw new CageError('sql/star', `an expression cannot hold ${what}`, 'Name the columns that are meant');
  }

  #subquery(): void {
    if (this.#rules.query) return;
    throw new CageError(
      'sql/subquery',
      'an expression cannot hold a subquery',
      'Use a transform `sql`, which sees the whole relation as `input`',
    );
  }

  #call(node: Tree, kind: string): void {
    const name = String(node.function_name).toLowerCase();
    const aggregate = AGGREGATE_FUNCTIONS.has(name);
    const symbol = node.is_operator === true && /^(!__postfix|[^a-z0-9_]+)$/.test(name);
    if (!aggregate && !symbol && !SCALAR_FUNCTIONS.has(name)) throw callRefused(name);
    if (!this.#rules.query && ROW_MAKING_FUNCTIONS.has(name)) {
      throw new CageError('sql/rows', `${name}(…) makes several rows of one`, 'Use a transform `explode` or `sql`');
    }
    if (node.export_state === true) throw unsupported('EXPORT_STATE');
    this.#qualifier(node, name);
    if (kind === 'WINDOW') this.#found.window = true;
    else if (aggregate) this.#found.aggregate = true;
  }

  /** `name.trim()` is a call on a column; `other_database.trim()` would be another function. */
  #qualifier(node: Tree, name: string): void {
    const parts = [node.catalog, node.schema].map((part) => String(part ?? '')).filter((part) => part !== '');
    for (const part of parts) {
      const lower = part.toLowerCase();
      if (lower === 'main' || lower === 'pg_catalog' || lower === 'system') continue;
      if (isHidden(lower)) throw reserved(part);
      const column = this.#rules.columns?.has(lower) === true;
      if (this.#rules.places.has(lower) && !column) throw callRefused(`${parts.join('.')}.${name}`);
      this.#found.names.add(part);
    }
  }

  #other(node: Tree, scope: Scope): void {
    const type = node.type;
    if (typeof type === 'string' && !OTHER_TYPES.has(type)) throw unsupported(type);
    if (type === 'BASE_TABLE') this.#table(node, scope);
    if (type === 'TABLE_FUNCTION') {
      this.#tableFunction(node, scope);
      return;
    }
    const inner = this.#withTables(node, scope);
    if (type === 'RECURSIVE_CTE_NODE') {
      const tables = new Set(inner.tables).add(String(node.cte_name).toLowerCase());
      this.#children(node, inner, ['cte_map', 'right']);
      this.visit(node.right, { ...inner, tables });
      return;
    }
    this.#children(node, inner, ['cte_map']);
  }

  /** A query's own WITH names: each sees those before it. */
  #withTables(node: Tree, scope: Scope): Scope {
    const map = isTree(node.cte_map) && Array.isArray(node.cte_map.map) ? node.cte_map.map : [];
    let inner = scope;
    for (const entry of map as Tree[]) {
      const name = String(entry.key);
      if (name.toLowerCase() === 'input') {
        throw new CageError('sql/input_name', 'WITH input hides the relation `input`', 'Give the WITH another name');
      }
      if (isHidden(name)) throw reserved(name);
      this.visit(entry.value, inner);
      inner = { ...inner, tables: new Set(inner.tables).add(name.toLowerCase()) };
    }
    return inner;
  }

  #table(node: Tree, scope: Scope): void {
    const name = String(node.table_name);
    const path = [node.catalog_name, node.schema_name].map((part) => String(part ?? '')).filter((part) => part !== '');
    const known = path.length === 0 && scope.tables.has(name.toLowerCase()) && (node.at_clause ?? null) === null;
    if (known) return;
    throw new CageError(
      'sql/table',
      `it reads "${[...path, name].join('.')}", and only \`input\` and the query’s own WITH names can be read`,
      'Files and other tables are read by a source of their own',
    );
  }

  #tableFunction(node: Tree, scope: Scope): void {
    const call = isTree(node.function) ? node.function : {};
    const name = String(call.function_name).toLowerCase();
    if (call.class !== 'FUNCTION' || !TABLE_FUNCTIONS.has(name)) throw callRefused(name);
    this.#qualifier(call, name);
    this.#children(call, scope);
    this.#children(node, scope, ['function']);
  }

  #refuseReservedNames(node: Tree): void {
    const names: unknown[] = [node.alias];
    if (Array.isArray(node.column_name_alias)) names.push(...node.column_name_alias);
    for (const name of names) if (typeof name === 'string' && isHidden(name)) throw reserved(name);
  }
}

function lambdaNames(lhs: unknown): string[] {
  if (!isTree(lhs)) return [];
  if (lhs.class === 'COLUMN_REF') return (lhs.column_names as string[]).slice(0, 1).map(String);
  return Array.isArray(lhs.children) ? lhs.children.flatMap(lambdaNames) : [];
}

function reserved(name: string): CageError {
  return new CageError(
    'sql/reserved_name',
    `the name "${name}" is reserved`,
    'Names that begin with _sluice_ belong to Sluice',
  );
}

function callRefused(name: string): CageError {
  return new CageError(
    'sql/function',
    `the function "${name}" is not one that SQL in a job can call`,
    'Functions that read files, settings or other tables are never available; check the spelling of others',
  );
}

function unsupported(what: string): CageError {
  return new CageError(
    'sql/unsupported',
    `${what.toLowerCase().replaceAll('_', ' ')} cannot stand here`,
    'Write a plain SELECT or expression',
  );
}
