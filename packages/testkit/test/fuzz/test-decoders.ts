import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readCorpus } from './corpus.js';
import { type FuzzedDecoder, fuzzDecoder, tryInput } from './decoder-fuzz.js';

const CASES = 300;

/** The tests of a package's decoders: the kept inputs first, then few cases of a fixed seed. `tests`: `import.meta.url` of the test file. */
export function testDecoders(decoders: readonly FuzzedDecoder[], tests: string): void {
  const corpus = readCorpus(fileURLToPath(new URL('../test/corpus/', tests)));
  for (const decoder of decoders) {
    test(`T80: decoder of ${decoder.name}: kept inputs, valid, edited and random ones → values or promised errors, bounded memory and work`, () => {
      for (const { file, what, bytes } of corpus.filter((kept) => kept.decoder === decoder.name)) {
        try {
          tryInput(decoder, bytes);
        } catch (cause) {
          throw new Error(`${file}: ${what}`, { cause });
        }
      }
      const { decoded } = fuzzDecoder(decoder, 1, CASES);
      assert.ok(decoded > 0, 'some inputs mean something');
      if (decoder.isTotal !== true) assert.ok(decoded < CASES, 'some inputs mean nothing');
    });
  }
  test('corpus: each kept input → names a decoder that there is', () => {
    const names = new Set(decoders.map(({ name }) => name));
    assert.deepEqual(
      corpus.filter(({ decoder }) => !names.has(decoder)).map(({ file }) => file),
      [],
    );
  });
}
