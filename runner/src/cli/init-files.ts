import { jobJsonSchema, projectJsonSchema } from '@sluice/core';

/** Files of a new project that may be there already: then they are left as they are. */
export const OPTIONAL: ReadonlySet<string> = new Set([
  '.gitignore',
  '.vscode/settings.json',
  '.vscode/sluice-job.schema.json',
  '.vscode/sluice-project.schema.json',
]);

/** Every file of a new project by its path. */
export function projectFiles(name: string): Record<string, string> {
  return {
    'sluice.yaml': project(name),
    'jobs/orders.yaml': JOB,
    'data/orders/2026-01.csv': ORDERS,
    '.gitignore': '.sluice/\n.env\n',
    '.vscode/settings.json': SETTINGS,
    '.vscode/sluice-job.schema.json': `${JSON.stringify(jobJsonSchema())}\n`,
    '.vscode/sluice-project.schema.json': `${JSON.stringify(projectJsonSchema())}\n`,
  };
}

function project(name: string): string {
  return `version: 1
name: ${name}
`;
}

const JOB = `# Loads every new file of data/orders into the embedded warehouse, one row for each order.
name: orders
description: Orders of the shop, as they come in
source:
  type: local
  path: data/orders/*.csv
columns:
  - name: order_id
    type: bigint
    primary_key: true
  - name: amount
    type: decimal(12,2)
    checks:
      - not_null
  # Types that are left out are inferred; codes with leading zeros stay text.
transform:
  - filter: status <> 'cancelled'
checks:
  - row_count:
      min: 1
      on_failure: warn
  - expression:
      sql: amount >= 0
      on_failure: quarantine
limits:
  max_rejected:
    ratio: 0.2
destination:
  type: duckdb
  table: orders
  write_disposition: merge
`;

const ORDERS = `order_id,customer,zip,ordered_on,status,amount
1001,Ada Lindqvist,02134,2026-01-02,paid,129.90
1002,Bo Okafor,94107,2026-01-02,paid,18.00
1003,Chiara Moss,00501,2026-01-03,cancelled,75.50
1004,Dev Anand,60614,2026-01-05,paid,240.00
1005,Ewa Nowak,08540,2026-01-07,shipped,9.95
1006,Farid Haddad,73301,2026-01-09,shipped,-12.00
1007,Grete Solheim,33109,2026-01-12,paid,54.25
1008,Hugo Marchetti,10001,2026-01-12,paid,310.40
1009,Ines Duarte,01267,2026-01-15,cancelled,22.10
1010,Jun Watanabe,98109,2026-01-18,shipped,88.00
`;

/** The extension's language for job files; the schemas are for editors that know YAML alone. */
const SETTINGS = `${JSON.stringify(
  {
    'files.associations': { 'sluice.yaml': 'sluice', '**/jobs/**/*.{yaml,yml}': 'sluice', '*.sluice.yaml': 'sluice' },
    'yaml.schemas': {
      '.vscode/sluice-project.schema.json': 'sluice.yaml',
      '.vscode/sluice-job.schema.json': ['jobs/**/*.yaml', 'jobs/**/*.yml', '**/*.sluice.yaml'],
    },
    '[yaml]': { 'editor.insertSpaces': true, 'editor.tabSize': 2 },
  },
  null,
  2,
)}
`;
