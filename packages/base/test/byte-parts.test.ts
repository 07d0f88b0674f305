import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concatBytes, lengthOfParts, sliceParts } from '@quorate/base';
import fc from 'fast-check';

const parts = fc.array(fc.uint8Array({ maxLength: 5 }), { maxLength: 6 });

test('parts: any cut of any parts → the bytes that lie there, in parts that are not empty and are not copied', () => {
  fc.assert(
    fc.property(parts, fc.nat(32), fc.option(fc.nat(32)), (all, from, to) => {
      const whole = concatBytes(all);
      assert.equal(lengthOfParts(all), whole.length);
      const cut = to === null ? sliceParts(all, from) : sliceParts(all, from, to);
      assert.deepEqual([...concatBytes(cut)], [...whole].slice(from, to ?? undefined));
      assert.ok(cut.every((part) => part.length > 0 && all.some(({ buffer }) => buffer === part.buffer)));
    }),
  );
});
