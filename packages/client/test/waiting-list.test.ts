import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom, randomBetween, randomChance } from '@quorate/base';
import { WaitingList } from '@quorate/client';

interface Item {
  readonly name: number;
  isGone: boolean;
}

test('waiting list: pushed, taken and given up in any order → what waits, in order, as a plain list says', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new SeededRandom(seed);
    const list = new WaitingList<Item>((item) => item.isGone);
    let model: Item[] = [];
    for (let step = 0; step < 5000; step++) {
      if (randomChance(random, 0.6)) {
        const item = { name: step, isGone: false };
        list.push(item);
        model.push(item);
      } else if (model.length > 0 && randomChance(random, 0.3)) {
        assert.equal(list.first(), model[0]);
        list.shift();
        model = model.slice(1);
      } else if (model.length > 0) {
        const item = model[randomBetween(random, 0, model.length - 1)] as Item;
        item.isGone = true;
        list.gone();
        model = model.filter((each) => each !== item);
      }
      assert.equal(list.size, model.length);
    }
    assert.equal(list.first(), model[0]);
    assert.deepEqual([...list], model);
  }
});

test('waiting list: T71: all that comes is given up again, for long → it holds no more than what waits and as much again', () => {
  let seen = 0;
  const list = new WaitingList<Item>((item) => {
    seen += 1;
    return item.isGone;
  });
  const waiting: Item[] = [];
  for (let name = 0; name < 100_000; name++) {
    const item = { name, isGone: false };
    list.push(item);
    waiting.push(item);
    if (waiting.length <= 100) continue;
    (waiting.shift() as Item).isGone = true;
    list.gone();
  }
  assert.ok(seen < 1_000_000, `looked at ${seen} times`);
  seen = 0;
  assert.equal([...list].length, 100);
  assert.ok(seen <= 300, `${seen} are held`);
});

test('waiting list: some are given up, and the list made shorter, before it is told of one of them → the size stays right', () => {
  const list = new WaitingList<Item>((item) => item.isGone);
  const items = Array.from({ length: 200 }, (_, name) => ({ name, isGone: false }));
  for (const item of items) list.push(item);
  for (const item of items.slice(0, 150)) item.isGone = true;
  for (let told = 0; told < 150; told++) list.gone();
  assert.equal(list.size, 50);
  assert.equal([...list].length, 50);
  assert.equal(list.first(), items[150]);
});
