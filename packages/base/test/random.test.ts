import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom, randomBetween, randomChance, randomUnit } from '@quorate/base';
import fc from 'fast-check';
import { check } from './property.js';

const draw = (random: SeededRandom, count: number): number[] => Array.from({ length: count }, () => random.nextUint32());

test('SeededRandom: a seed → this sequence on every machine, for ever (a simulation is repeated by its seed)', () => {
  assert.deepEqual(draw(new SeededRandom(1), 4), [393288148, 2174103013, 3814759091, 2092745082]);
  assert.deepEqual(draw(new SeededRandom(0xffff_ffff), 4), [4104197751, 1825856343, 1152209388, 2427537429]);
});

test('SeededRandom: two of one seed → equal; neighbouring seeds → unlike', () => {
  check(
    fc.property(fc.integer({ min: 0, max: 0xffff_fffe }), (seed) => {
      const first = draw(new SeededRandom(seed), 16);
      assert.deepEqual(draw(new SeededRandom(seed), 16), first);
      assert.notDeepEqual(draw(new SeededRandom(seed + 1), 16), first);
      assert.ok(first.every((value) => Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff));
    }),
  );
});

test('SeededRandom: 80,000 draws → every bit set about half the time', () => {
  const random = new SeededRandom(42);
  const ones = new Array<number>(32).fill(0);
  for (let at = 0; at < 80_000; at++) {
    const value = random.nextUint32();
    for (let bit = 0; bit < 32; bit++) ones[bit] = (ones[bit] as number) + ((value >>> bit) & 1);
  }
  // Six standard deviations of a fair coin; the seed is fixed, so this either always holds or never.
  for (const count of ones) assert.ok(Math.abs(count - 40_000) < 850, String(ones));
});

test('randomUnit, randomBetween, randomChance: any seed → within their bounds, and both ends are met', () => {
  const random = new SeededRandom(7);
  const seen = new Set<number>();
  for (let at = 0; at < 1000; at++) {
    const unit = randomUnit(random);
    assert.ok(unit >= 0 && unit < 1);
    seen.add(randomBetween(random, 3, 6));
    assert.equal(randomChance(random, 0), false);
    assert.equal(randomChance(random, 1), true);
  }
  assert.deepEqual(
    [...seen].sort((a, b) => a - b),
    [3, 4, 5, 6],
  );
  assert.equal(randomBetween(random, 9, 9), 9);
});
