import Sqlite from 'better-sqlite3';

/** Runs statements on an SQLite file, which is made when it is not there. */
export function sqliteFile(path: string, sql: string): void {
  const db = new Sqlite(path);
  db.exec(sql);
  db.close();
}
