import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '@quorate/base';
import { diskCompliance } from '@quorate/storage';
import { RecordingDisk, SimDisk, SimScheduler } from '@quorate/testkit';

for (const { title, run } of diskCompliance()) {
  for (const kind of ['SimDisk', 'RecordingDisk over SimDisk'] as const) {
    test(`${kind}: ${title}`, () => {
      const scheduler = new SimScheduler();
      const disk = new SimDisk({ random: new SeededRandom(1) }).attach(scheduler.forNode('a'));
      let outcomes: (Error | null)[] = [];
      run(kind === 'SimDisk' ? disk : new RecordingDisk(disk), (error) => {
        outcomes = [...outcomes, error];
      });
      scheduler.runFor(1000);
      assert.deepEqual(outcomes, [null]);
    });
  }
}
