import { connect } from 'node:net';

/** Asks a loopback port of the test run for a server's URL. */
export function askDoor(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    connect(port, '127.0.0.1')
      .setEncoding('utf8')
      .on('data', (more) => {
        text += more;
      })
      .on('error', reject)
      .on('end', () => {
        if (text.startsWith('ok ')) resolve(text.slice(3));
        else reject(new Error(`no server for this test: ${text}`));
      });
  });
}
