import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { LineProcess, endAllProcesses } from './harness/line-process.js';

const MAIN = fileURLToPath(new URL('./harness/logging-main.js', import.meta.url));

after(endAllProcesses);

describe('log', { timeout: 60_000 }, () => {
  test('log: more lines at once than fit a pipe → all there, each whole and in order', async () => {
    const logging = new LineProcess(MAIN, ['2000'], { stdin: 'pipe' });
    logging.child.stdin?.end();
    assert.deepEqual(await logging.ended, { code: 0, signal: null });
    const lines = logging.lines.map((line) => JSON.parse(line) as { msg: string; line?: number });
    assert.deepEqual(
      lines.map(({ line }) => line),
      [...Array.from({ length: 2000 }, (_, index) => index), undefined],
    );
  });

  test('log: nobody reads any more, and many lines are told at once → dropped, and it ends', async () => {
    const logging = new LineProcess(MAIN, ['2000'], { stdin: 'pipe' });
    const log = logging.child.stdout as Readable;
    log.destroy();
    await once(log, 'close');
    logging.child.stdin?.end();
    assert.deepEqual(await logging.ended, { code: 0, signal: null });
    assert.deepEqual(logging.errorLines, ['logged', 'flushed']);
  });

  test('log: a reader that stands still, and more lines than may wait → never blocked, the rest counted and dropped', async () => {
    const logging = new LineProcess(MAIN, ['10000'], { stdin: 'pipe' });
    const log = logging.child.stdout as Readable;
    log.pause();
    logging.child.stdin?.end();
    // Told although nobody has read a line; the flush waits a second for a reader.
    while (!logging.errorLines.includes('logged')) await once(logging.child.stderr as Readable, 'data');
    assert.ok(logging.lines.length < 10_000);
    log.resume();
    assert.deepEqual(await logging.ended, { code: 0, signal: null });
    const lines = logging.lines.map((line) => JSON.parse(line) as { msg: string; count?: number });
    const written = lines.filter(({ msg }) => msg === 'line').length;
    assert.deepEqual(
      lines.slice(-2).map(({ msg }) => msg),
      ['log lines dropped', 'last'],
    );
    assert.equal(lines.at(-2)?.count, 10_000 - written);
  });
});
