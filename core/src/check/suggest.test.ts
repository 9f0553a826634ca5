import { describe, expect, it } from 'vitest';
import { parseDocument } from '../text/parse.ts';
import { check } from './check.ts';
import { createProject } from './project.ts';

const CONFIG =
  'version: 1\nname: p\nconnections:\n  lake: {type: local, root: in}\n  crm: {type: postgres, url: "${env:CRM}"}\nvariables:\n  region: {default: eu}\n';

const job = (text: string): string => `name: a\nsource: {type: local, path: a.csv}\n${text}`;

/** A file in which `?` stands for the word. */
const LEVELS = {
  job: '?: x\n',
  source: 'name: a\nsource:\n  ?: local\n  path: a.csv\n',
  'source over a connection': 'name: a\nsource:\n  connection: lake\n  ?: a.csv\n',
  database: 'name: a\nsource: {type: postgres, url: "${env:A}", table: t, ?: x}\n',
  'type of a source': 'name: a\nsource:\n  type: ?\n  path: a.csv\n',
  format: 'name: a\nsource:\n  type: local\n  path: a.csv\n  format:\n    ?: csv\n',
  csv: 'name: a\nsource: {type: local, path: a.csv, format: {type: csv, ?: x}}\n',
  connection: 'name: a\nsource: {connection: ?, path: a.csv}\n',
  column: job('columns:\n  - name: id\n    ?: x\n'),
  'type of a column': job('columns:\n  - {name: id, type: ?}\n'),
  transform: job('transform:\n  - ?: x\n'),
  check: job('checks:\n  - ?: x\n'),
  'key of a check': job('checks:\n  - row_count: {?: 1}\n'),
  destination: job('destination:\n  ?: duckdb\n'),
  'key of a destination': job('destination:\n  type: duckdb\n  ?: x\n'),
  disposition: job('destination: {write_disposition: ?}\n'),
  schedule: job("schedule:\n  cron: '@daily'\n  ?: x\n"),
  boolean: job('enabled: ?\n'),
  variable: 'name: a\nsource: {type: local, path: "${var:?}/a.csv"}\n',
} as const;

function suggested(level: keyof typeof LEVELS, word: string): string | null {
  const text = LEVELS[level].replace('?', word);
  const document = parseDocument(text, 'jobs/a.yaml');
  const found = check(document, createProject({ config: parseDocument(CONFIG, 'sluice.yaml'), jobs: [document] }));
  const at = LEVELS[level].indexOf('?');
  const finding = found.find(({ range, fix }) => fix && range.end > at && range.start <= at + word.length);
  const [edit] = finding?.fix?.edits ?? [];
  return edit ? edit.text.replace(/^\$\{var:|\}$|"/g, '') : null;
}

describe('what was meant', () => {
  it.each<[keyof typeof LEVELS, Record<string, string | null>]>([
    [
      'job',
      {
        nmae: 'name',
        descripton: 'description',
        desc: 'description',
        dest: 'destination',
        tag: 'tags',
        onwer: 'owner',
      },
    ],
    [
      'job',
      {
        sorce: 'source',
        colums: 'columns',
        trasnform: 'transform',
        cheks: 'checks',
        retrys: 'retries',
        noitfy: 'notify',
      },
    ],
    [
      'job',
      { date: null, rate: null, page: null, force: null, notes: null, mode: null, plan: null, flag: null, case: null },
    ],
    ['source', { typ: 'type', tpye: 'type', Type: 'type', types: 'type', ype: 'type', tyype: 'type' }],
    [
      'source over a connection',
      { pth: 'path', paths: 'path', fromat: 'format', hash: null, date: null, with: null, cost: null },
    ],
    ['database', { qurey: 'query', partiton: 'partition_on', title: null, salt: null, hour: null }],
    [
      'type of a source',
      {
        locl: 'local',
        loacl: 'local',
        postgre: 'postgres',
        postgresql: 'postgres',
        mysq: 'mysql',
        sftpp: 'sftp',
        kafka: null,
      },
    ],
    ['format', { typ: 'type', tpye: 'type', tye: 'type' }],
    [
      'csv',
      { delimeter: 'delimiter', encodng: 'encoding', heder: 'header', seperator: 'delimiter', note: null, code: null },
    ],
    ['connection', { lak: 'lake', laek: 'lake', cmr: 'crm', mine: null }],
    [
      'column',
      {
        tpye: 'type',
        typ: 'type',
        nulable: 'nullable',
        primary_ky: 'primary_key',
        'primary-key': 'primary_key',
        stage: null,
        state: null,
      },
    ],
    [
      'type of a column',
      {
        bigin: 'bigint',
        txet: 'text',
        tesxt: 'text',
        boolen: 'boolean',
        decmal: 'decimal(18,2)',
        '"decmal(10,4)"': 'decimal(10,4)',
      },
    ],
    ['transform', { fliter: 'filter', dedup: 'dedupe', derve: 'derive', selct: 'select', group: null, salt: null }],
    ['check', { rowcount: 'row_count', freshnes: 'freshness', uniqe: 'unique', page: null, rate: null, lang: null }],
    ['key of a check', { mni: 'min', mx: 'max', maxx: 'max', env: null }],
    ['destination', { typ: 'type', tpye: 'type', Type: 'type' }],
    [
      'key of a destination',
      {
        tabel: 'table',
        writedisposition: 'write_disposition',
        write_dispositon: 'write_disposition',
        label: null,
        date: null,
      },
    ],
    ['disposition', { upsert: 'merge', mereg: 'merge', apend: 'append', repalce: 'replace', delete: null }],
    [
      'schedule',
      { timezon: 'timezone', time_zone: 'timezone', catch_up: 'catchup', kind: null, state: null, sort: null },
    ],
    ['boolean', { ture: 'true', flase: 'false', fals: 'false', maybe: null }],
    ['variable', { regoin: 'region', regio: 'region', other: null }],
  ])('%s: %j', (level, words) => {
    expect(Object.fromEntries(Object.keys(words).map((word) => [word, suggested(level, word)]))).toEqual(words);
  });
});
