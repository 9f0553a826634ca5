import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeReferences, textParts } from '../model/reference.ts';
import { type ReferenceValues, resolveReferences } from './references.ts';
import { settleSettings } from './settings.ts';

const values = (env: Record<string, string>, files: Record<string, string> = {}): ReferenceValues => ({
  env,
  file: (path) => files[path] ?? null,
  stream: 'orders',
});

describe('resolveReferences', () => {
  it('puts a value in once and never looks at it again', () => {
    const env = { PW1: `p$HOME'@#%/:"x`, PW2: '$Wren7!{a}', TRICK: '${env:PW1}$${x}' };
    const { value, missing } = resolveReferences(
      { a: '${env:PW1}', b: ['x${env:PW2}y'], c: '${env:TRICK}' },
      values(env),
    );
    expect(value).toEqual({ a: env.PW1, b: [`x${env.PW2}y`], c: env.TRICK });
    expect(missing).toEqual([]);
  });

  it('lists what has no value and leaves it as written', () => {
    const { value, missing } = resolveReferences('${env:NONE}/${env:NONE}/${file:a}', values({}));
    expect(value).toBe('${env:NONE}/${env:NONE}/${file:a}');
    expect(missing).toEqual(['${env:NONE}', '${file:a}']);
  });

  it('takes the default for an unset and for an empty variable', () => {
    expect(resolveReferences('${env:A:-x}${env:B:-y}${env:A:-}', values({ B: '' })).value).toBe('xy');
    expect(resolveReferences('[${env:B}]', values({ B: '' }))).toEqual({ value: '[]', missing: [] });
  });

  it('does not take names of prototypes for variables', () => {
    expect(resolveReferences('${env:constructor}', values({})).missing).toEqual(['${env:constructor}']);
  });

  it('reads files without the line end at their end, and the stream', () => {
    expect(resolveReferences('${file:s}|${stream:name}', values({}, { s: 'abc\r\n' })).value).toBe('abc|orders');
  });

  it('leaves other dollars alone', () => {
    expect(resolveReferences("a = $1 and b = $$x$$ and c = '$${d}'", values({})).value).toBe(
      "a = $1 and b = $$x$$ and c = '${d}'",
    );
  });

  it('gives any escaped text back unchanged', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('$', '{', '}', 'a', ':', 'env:A') }), (text) => {
        expect(resolveReferences(escapeReferences(text), values({ A: 'no' })).value).toBe(text);
      }),
      { seed: 40 },
    );
  });

  it('covers the whole text by its parts', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('$', '{', '}', 'a', ':', '${env:A}') }), (text) => {
        const parts = textParts(text);
        expect(parts.map((part) => text.slice(part.start, part.end)).join('')).toBe(text);
      }),
      { seed: 41 },
    );
  });
});

describe('settleSettings', () => {
  it('turns texts into what the schema wants and names those that are not', () => {
    const schema = {
      properties: { port: { type: 'integer' }, on: { type: 'boolean' }, host: { type: 'string' } },
    } as const;
    expect(settleSettings({ port: '5432', on: 'true', host: '1' }, schema)).toEqual({
      settings: { port: 5432, on: true, host: '1' },
      wrong: [],
    });
    expect(settleSettings({ port: 'five', on: 'yes' }, schema).wrong).toEqual(['port', 'on']);
  });
});
