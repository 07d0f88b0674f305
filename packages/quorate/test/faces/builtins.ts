import assert from 'node:assert/strict';
import { SeededRandom } from '@quorate/base';
import { sampleFields } from '@quorate/machine';
import { BUILTINS } from '@quorate/resources';
import * as quorate from 'quorate';
import { coded } from '../harness/coded.js';
import type { FaceTests } from './face-test.js';

const ROUNDS = 5;

/** What is asked of every kind that comes with Quorate, whatever it is for. */
export const builtinTests: FaceTests = Object.fromEntries(
  (Object.keys(BUILTINS) as (keyof typeof BUILTINS)[]).map((kind) => [
    `builtins: ${kind} by its name → its object, whose class users can name; each operation answers, or refuses as it declares`,
    async ({ a, b, name }) => {
      const { declaration } = BUILTINS[kind].type;
      const face = a[kind](name);
      assert.equal(face.name, name);
      const { constructor } = face;
      assert.equal((quorate as Readonly<Record<string, unknown>>)[constructor.name], constructor, `quorate exports ${constructor.name}`);
      const random = new SeededRandom(1);
      const resource = a.resource(declaration, name);
      for (let round = 0; round < ROUNDS; round++) {
        for (const [operation, { args, errors }] of Object.entries(declaration.operations)) {
          try {
            await resource.call(operation, sampleFields(args, random));
          } catch (thrown) {
            assert.ok(thrown instanceof quorate.QuorateError && errors.includes(thrown.code), `${operation}: ${String(thrown)}`);
          }
        }
      }
      const other = kind === 'counter' ? b.lock(name).holder() : b.counter(name).get();
      await assert.rejects(other, coded('kindMismatch', 'never'));
    },
  ]),
);
