import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkCommands, checkDocuments, commandsOf, fencedBlocks, runWalkthrough } from '../check-readme.mjs';

const SCRIPTS = { start: 'node x', test: 'node x', bench: 'node x' };
const help = (words) => (words.join(' ') === 'stream read' ? 'Usage: quorate stream read\n  --from <offset>  first\n  --json' : null);
const faults = (line) => checkCommands({ 'README.md': `\`\`\`sh\n${line}\n\`\`\`\n` }, SCRIPTS, help);

test('readme check: commands that exist → no fault', async () => {
  for (const line of [
    'npm start',
    'npm test',
    'npm run bench -- --seconds 5',
    'npx quorate stream read orders --from 3 --json',
    '# only words',
  ]) {
    assert.deepEqual(await faults(line), [], line);
  }
});

test('readme check: a script, command or flag that is not there → found with its line', async () => {
  for (const line of [
    'npm run benhc',
    'npx quorate stream raed orders',
    'npx quorate stream read orders --form 3',
    'rm -rf data',
    'npx quorate stream read --fro 1',
  ]) {
    const [fault] = await faults(line);
    assert.match(fault ?? '', /^README\.md:2: /, line);
  }
});

test('readme check: blocks → words, text and lines; comments and continued lines resolved', () => {
  const markdown = 'a\n```sh run\nnpx one  # why\nnpx two \\\n  --flag\n```\n```ts\nlet x;\n```\n';
  assert.deepEqual(
    fencedBlocks(markdown).map(({ words, line }) => [words.join(' '), line]),
    [
      ['sh run', 3],
      ['ts', 8],
    ],
  );
  assert.deepEqual(
    commandsOf(markdown).map(({ command, isRun }) => [command, isRun]),
    [
      ['npx one', true],
      ['npx two --flag', true],
    ],
  );
});

test('README and CONTRIBUTING: every command, flag, script and link in them → exists', async () => {
  assert.deepEqual(await checkDocuments(), []);
});

test('README: its walkthrough and example against a cluster of three processes → all run and print what they promise', async () => {
  const done = await runWalkthrough();
  assert.ok(
    done.some(({ what }) => what.startsWith('example')),
    'the README has an example',
  );
  assert.ok(
    done.some(({ what, output }) => what.includes('stream read') && output.includes('hello')),
    JSON.stringify(done),
  );
});
