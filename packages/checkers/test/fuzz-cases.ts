import assert from 'node:assert/strict';
import { QuorateError, SeededRandom, randomBetween, randomChance } from '@quorate/base';
import { HistoryCheck, LineSplitter, decodeEvent, decodeHeader, encodeEvent, encodeHeader } from '@quorate/checkers';
import { randomWorld } from './random-world.js';

const INTERESTING = [
  '"',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '\\',
  '\n',
  '-',
  '1e999',
  '9007199254740993',
  'null',
  'true',
  '"__proto__"',
  '{"base64":"/w=="}',
  '\uFFFD',
];

/**
 * Files of histories with bytes and tokens changed, cut off, doubled: each is judged, or refused with `invalidArgument`; nothing else is thrown.
 * What was read is written again and read as the same.
 */
export function fuzzHistoryFiles(seed: number, cases: number): { readonly cases: number } {
  for (let i = 0; i < cases; i++) {
    const random = new SeededRandom(Math.imul(seed, 0x9e37_79b1) + i);
    const { header, events } = randomWorld(random.nextUint32(), 12);
    let text = `${[encodeHeader(header), ...events.map(encodeEvent)].join('\n')}\n`;
    for (let changes = randomBetween(random, 0, 3); changes > 0; changes--) text = spoilt(text, random);
    try {
      judge(new TextEncoder().encode(text));
    } catch (error) {
      if (error instanceof QuorateError && error.code === 'invalidArgument') continue;
      throw new Error(`history files: seed ${seed}, case ${i}`, { cause: error });
    }
  }
  return { cases };
}

function judge(bytes: Uint8Array): void {
  const splitter = new LineSplitter();
  let check: HistoryCheck | null = null;
  const take = (line: string): void => {
    if (check === null) check = new HistoryCheck(decodeHeader(line), { stepsMax: 10_000, pastsMax: 1000 });
    else {
      const event = decodeEvent(line);
      assert.deepEqual(decodeEvent(encodeEvent(event)), event);
      check.take(event);
    }
  };
  splitter.push(bytes, take);
  splitter.finish(take);
  (check as HistoryCheck | null)?.finish();
}

function spoilt(text: string, random: SeededRandom): string {
  const at = randomBetween(random, 0, text.length);
  const length = randomChance(random, 0.5) ? 1 : randomBetween(random, 0, 40);
  switch (randomBetween(random, 0, 4)) {
    case 0:
      return text.slice(0, at);
    case 1:
      return text.slice(0, at) + text.slice(at + length);
    case 2:
      return text.slice(0, at + length) + text.slice(at);
    case 3:
      return text.slice(0, at) + String.fromCharCode(randomBetween(random, 0, 0xffff)) + text.slice(at + 1);
    default:
      return text.slice(0, at) + (INTERESTING[randomBetween(random, 0, INTERESTING.length - 1)] as string) + text.slice(at + length);
  }
}
