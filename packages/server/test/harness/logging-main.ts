// Logs so many lines of 1,000 characters at once when its standard input ends, waits until they are written, and says so.
import { once } from 'node:events';
import { processLogger } from '@quorate/server';

const logger = processLogger({ level: 'info', node: 1 });
process.stdin.resume();
await once(process.stdin, 'end');
const text = 'x'.repeat(1000);
for (let line = 0; line < Number(process.argv[2]); line++) logger.log('info', 'line', { line, text });
process.stderr.write('logged\n');
// One flush waits a second at most; the reader of a test on a busy machine may need longer.
for (let seconds = 0; seconds < 30; seconds++) await logger.flushed();
logger.log('info', 'last');
await logger.flushed();
process.stderr.write('flushed\n', () => process.exit(0));
