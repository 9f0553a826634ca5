import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync } from 'node:fs';
import { join } from 'node:path';

export interface Tools {
  sling: string | null;
  dlt: string | null;
  psql: string | null;
  versions: Record<string, string>;
}

/** Installs the tools to compare with into a virtual environment of the benchmark's own; what is out of reach stays null. */
export async function findTools(folder: string): Promise<Tools> {
  const venv = join(folder, 'venv');
  const python = join(venv, 'bin', 'python');
  if (!existsSync(python)) {
    spawnSync('python3', ['-m', 'venv', venv], { stdio: 'ignore' });
    const packages = [
      'dlt[duckdb,postgres,parquet,filesystem,sql_database]',
      'psycopg2-binary',
      'pandas',
      'sling-linux-amd64',
    ];
    for (const name of packages) spawnSync(join(venv, 'bin', 'pip'), ['-q', 'install', name], { stdio: 'ignore' });
  }
  const version = (name: string) =>
    spawnSync(join(venv, 'bin', 'pip'), ['show', name], { encoding: 'utf8' }).stdout?.match(/^Version: (.*)$/m)?.[1] ??
    null;
  const dlt = version('dlt');
  const slingVersion = version('sling-linux-amd64');
  const binary = spawnSync(
    python,
    ['-c', 'import sling_linux_amd64, os; print(os.path.dirname(sling_linux_amd64.__file__))'],
    { encoding: 'utf8' },
  );
  const slingPath = join(binary.stdout?.trim() ?? '', 'bin', 'sling-linux-amd64');
  if (existsSync(slingPath)) chmodSync(slingPath, 0o755);
  const psql = spawnSync('psql', ['--version'], { encoding: 'utf8' });
  return {
    sling: slingVersion && existsSync(slingPath) ? slingPath : null,
    dlt: dlt ? python : null,
    psql: psql.status === 0 ? 'psql' : null,
    versions: { ...(slingVersion ? { sling: slingVersion } : {}), ...(dlt ? { dlt } : {}) },
  };
}
