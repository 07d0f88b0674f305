import { after, before, describe, test } from 'node:test';
import { BUILTINS } from '@quorate/resources';
import type { Home } from '../harness/homes.js';
import { until } from '../harness/waiting.js';
import { badInputTests } from './bad-input.js';
import { builtinTests } from './builtins.js';
import { orderTests } from './order.js';
import { sessionTests } from './session.js';
import { sessionStateTests } from './session-states.js';
import { streamTests } from './stream.js';
import { watchTests } from './watch.js';

/** What a test is given: the home of its clients, and a name that no other test uses. */
export interface Face extends Omit<Home, 'close' | 'drive'> {
  readonly name: string;
  /** Resolves once the condition holds: for what only shows when asked for. */
  until(condition: () => Promise<boolean>): Promise<void>;
}

/** Tests by title, which are the same for every home of a client. */
export type FaceTests = Readonly<Record<string, (face: Face) => Promise<void>>>;

/** Those of each kind that comes with Quorate, in the file of its name: a kind without any fails here. */
const OF_KINDS = await Promise.all(
  Object.keys(BUILTINS).map(async (kind) => ((await import(`./${kind}.js`)) as { readonly tests: FaceTests }).tests),
);

/** What the object must do that `Quorate.start` and `Quorate.connect` both give, and that clients are in the simulator. */
const ALL: readonly FaceTests[] = [
  ...OF_KINDS,
  builtinTests,
  watchTests,
  orderTests,
  badInputTests,
  streamTests,
  sessionTests,
  sessionStateTests,
];

/** Declares all tests for one home. An unhandled rejection fails the test that runs. */
export function testFaces(open: () => Promise<Home>): void {
  describe('faces', () => {
    let home: Home;
    before(async () => {
      home = await open();
    });
    after(async () => {
      await home?.close();
    });
    let count = 0;
    for (const [title, run] of ALL.flatMap((tests) => Object.entries(tests))) {
      const name = `n${++count}`;
      test(title, async () => {
        const { a, b, connect, sleep, freeze } = home;
        await home.drive(run({ a, b, connect, sleep, freeze, until: (condition) => until(condition, sleep), name }));
      });
    }
  });
}
