import { schema } from '../../spec/schema.ts';
import { defineSpec } from '../../spec/spec.ts';
import { onBadRow } from '../../spec/text-rows.ts';

export const xmlSpec = defineSpec({
  kind: 'format',
  type: 'xml',
  title: 'XML',
  text: 'Documents whose records are elements with attributes and children. Codes such as 007 and 1E3 stay text.',
  settings: schema({
    type: 'object',
    properties: {
      record_path: {
        type: 'string',
        pattern: '^/?[^/@*]+(/[^/@*]+)*$',
        description:
          'Names that lead from the root element to the records, with slashes between them. Left out: the children of the root element.',
        examples: ['items/item'],
      },
      on_bad_row: onBadRow('a line that is no row'),
    },
    additionalProperties: false,
    'x-synonyms': { records: 'record_path', row_tag: 'record_path', rowTag: 'record_path', xpath: 'record_path' },
  }),
  secrets: [],
  capabilities: { batch: true },
  examples: ['type: xml\nrecord_path: items/item\n'],
  notes: [
    '- An attribute is a column with `@` before its name, a child element one of its name, and text that stands in the record itself is `#text`.',
    '- A child with attributes or children of its own, or that occurs more than once, is `json`: an object, or a list where it occurs more than once in the record. All values in it are text. A `list<…>` or `struct<…>` can be declared.',
    '- Values are text until a type is inferred or declared, and inference keeps leading zeros and codes that look like numbers. What a value is made of is kept, white space too; white space between elements is left out. CDATA is text, comments and processing instructions are left out.',
    '- A child that is missing or has `xsi:nil="true"` is NULL, an empty one the empty text.',
    '- Namespaces: names are kept with the prefix that the document writes, and declarations of namespaces are left out. A step of `record_path` matches the name with its prefix or without. A document without the element that holds the records fails the run; where that one holds other elements and no record, the run warns.',
    '- Entities of a document type are never put in: a document that declares one fails with `format/xml-entity`, and so does one with a reference to an entity that XML does not know.',
    '- The encoding is that of the byte order mark or the XML declaration, else UTF-8.',
    '- A document that is not well-formed or is cut off fails the run, with the line. Files are read as a stream and are not divided among tasks; a record may have 64 MiB of text and 200 levels of elements.',
  ].join('\n'),
});
