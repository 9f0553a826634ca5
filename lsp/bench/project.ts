import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A project of many jobs and one job of as many lines as wanted, as people write them. */
export function writeProject(dir: string, jobs: number): void {
  const connections = Array.from({ length: 20 }, (_, i) => `  lake_${i}:\n    type: local\n    root: in/${i}\n`);
  const config = `version: 1\nname: bench\nconnections:\n${connections.join('')}defaults:\n  - set:\n      retries:\n        max: 2\n        delay: 30s\n`;
  writeFileSync(join(dir, 'sluice.yaml'), config);
  for (let i = 0; i < jobs; i++) {
    const folder = join(dir, 'jobs', `team_${i % 40}`);
    mkdirSync(folder, { recursive: true });
    const after = i > 0 && i % 7 === 0 ? `depends_on: [job_${i - 1}]\n` : '';
    writeFileSync(join(folder, `job_${i}.yaml`), `${after}${jobText(`job_${i}`, 30)}`);
  }
}

/** A job of about this many lines. */
export function jobText(name: string, lines: number): string {
  const head = [
    `name: ${name}`,
    'description: Orders of the night, as the shop writes them',
    'tags: [orders, nightly]',
    'source:',
    '  type: local',
    '  connection: lake_3',
    '  path: orders/**/*.csv',
    '  format:',
    '    type: csv',
    '    delimiter: ";"',
    'columns:',
  ];
  const tail = [
    'transform:',
    '  - filter: amount_1 > 0 and country_2 is not null',
    '  - dedupe:',
    '      key: [id]',
    'checks:',
    '  - row_count: {min: 1}',
    'destination:',
    `  table: ${name}`,
    '  write_disposition: merge',
    '  primary_key: [id]',
    'schedule:',
    '  cron: "0 2 * * *"',
    '  timezone: Europe/Berlin',
  ];
  const body: string[] = ['  - name: id', '    type: bigint'];
  for (let i = 0; head.length + tail.length + body.length < lines; i++) {
    body.push(`  - name: column_${i}`, '    type: decimal(12,2)', `    description: What column ${i} holds`);
    if (i % 3 === 0) body.push('    checks:', '      - not_null: {on_failure: quarantine}');
  }
  return `${[...head, ...body, ...tail].join('\n')}\n`;
}
