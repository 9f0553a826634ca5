// Reads a file with an npm package and counts its records: what a loader in JavaScript would begin with. It loads them nowhere.
// usage: node read-npm.mjs avsc|saxes FILE ELEMENT
import { createReadStream } from 'node:fs';
import { createRequire } from 'node:module';
import avsc from 'avsc';

const [kind, file, element] = process.argv.slice(2);
const fromCore = createRequire(new URL('../../core/package.json', import.meta.url));

/** Every record as an object, as each of the packages gives it. */
const READERS = {
  async avsc() {
    let count = 0;
    const decoder = avsc.createFileDecoder(file);
    for await (const record of decoder) if (record) count++;
    return count;
  },

  async saxes() {
    const { SaxesParser } = fromCore('saxes');
    const parser = new SaxesParser();
    let count = 0;
    let record = null;
    let text = '';
    parser.on('opentag', ({ name }) => {
      if (name === element) record = {};
      text = '';
    });
    parser.on('text', (piece) => {
      text += piece;
    });
    parser.on('closetag', ({ name }) => {
      if (name === element) count++;
      else if (record) record[name] = text;
    });
    for await (const chunk of createReadStream(file, { encoding: 'utf8', highWaterMark: 1024 * 1024 }))
      parser.write(chunk);
    parser.close();
    return count;
  },
};

process.stdout.write(`${await READERS[kind]()}\n`);
