// A reporter of node:test that tells the runner of mutants, a line of JSON for each test that ran, how it ended and why.
const MARK = 'quorate-outcome ';

/** What a failure was: the test's own verdict, or something that says nothing about the code under test. */
function failureOf(error) {
  const cause = error?.cause ?? error;
  if (error?.failureType === 'testTimeoutFailure') return { kind: 'timeout', message: 'the test did not end' };
  const message = typeof cause === 'string' ? cause : String(cause?.message ?? cause);
  const name = cause?.name ?? '';
  const code = cause?.code;
  const isCrash = ['TypeError', 'SyntaxError', 'ReferenceError', 'RangeError'].includes(name) || code === 'ERR_MODULE_NOT_FOUND';
  return { kind: isCrash ? 'crash' : 'verdict', message: `${name}${typeof code === 'string' ? ` ${code}` : ''}: ${message}` };
}

export default async function* outcomes(source) {
  for await (const { type, data } of source) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    // Left out by the name pattern.
    if (data.skip !== undefined && data.skip !== false) continue;
    const failure = type === 'test:fail' ? failureOf(data.details?.error) : null;
    yield `${MARK}${JSON.stringify({ name: data.name, nesting: data.nesting, isPassed: type === 'test:pass', failure })}\n`;
  }
}

/** The outcomes in the output of a test process. */
export function readOutcomes(output) {
  return output
    .split('\n')
    .filter((line) => line.startsWith(MARK))
    .map((line) => JSON.parse(line.slice(MARK.length)));
}
