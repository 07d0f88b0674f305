import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fifo, SeededRandom, randomBetween, randomChance } from '@quorate/base';

test('fifo: any pushes, shifts and pops → what a plain list gives', () => {
  const random = new SeededRandom(1);
  for (let run = 0; run < 50; run++) {
    const fifo = new Fifo<{ readonly value: number }>();
    const list: { readonly value: number }[] = [];
    const pushChance = randomBetween(random, 40, 60) / 100;
    for (let step = 0; step < 2000; step++) {
      if (randomChance(random, pushChance)) {
        const item = { value: step };
        fifo.push(item);
        list.push(item);
      } else if (randomChance(random, 0.8)) assert.equal(fifo.shift(), list.shift());
      else assert.equal(fifo.pop(), list.pop());
      assert.equal(fifo.length, list.length);
      assert.equal(fifo.first, list[0]);
    }
  }
});
