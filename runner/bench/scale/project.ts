import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Writes a project of job files of 30 lines, in a hundred folders, as many teams would keep them. */
export function writeScaleProject(dir: string, jobs: number): void {
  const connections = Array.from({ length: 20 }, (_, i) => `  lake_${i}:\n    type: local\n    root: in/${i}\n`);
  const defaults = 'defaults:\n  - set:\n      retries:\n        max: 2\n        delay: 30s\n';
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'sluice.yaml'), `version: 1\nname: scale\nconnections:\n${connections.join('')}${defaults}`);
  for (let i = 0; i < jobs; i++) {
    const folder = join(dir, 'jobs', `team_${i % 100}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `job_${i}.yaml`), scaleJob(i));
  }
}

/** A job file of 30 lines. */
export function scaleJob(i: number, description = 'Orders of the night, as the shop writes them'): string {
  return [
    `name: job_${i}`,
    `description: ${description}`,
    'tags: [orders, nightly]',
    `depends_on: [${i > 0 && i % 7 === 0 ? `job_${i - 1}` : ''}]`,
    'source:',
    '  type: local',
    `  connection: lake_${i % 20}`,
    `  path: orders_${i}/**/*.csv`,
    '  format:',
    '    type: csv',
    '    delimiter: ";"',
    'columns:',
    '  - name: id',
    '    type: bigint',
    ...Array.from({ length: 4 }, (_, c) => [`  - name: column_${c}`, '    type: decimal(12,2)']).flat(),
    'destination:',
    `  table: job_${i}`,
    '  write_disposition: merge',
    '  primary_key: [id]',
    'schedule:',
    `  cron: "${i % 60} 2 * * *"`,
    '  timezone: Europe/Berlin',
    '',
  ].join('\n');
}
