import { randomBetween, randomChance, randomUnit } from '@quorate/base';
import type { FaultScene } from './fault-scene.js';
import type { SimNode } from './sim-node.js';

/** Faults of a disk, and of a process in the middle of a call, that destroy nothing which was acknowledged. */
export type MildFault = 'slowDisk' | 'fullDisk' | 'crashInDisk' | 'crashInNetwork' | 'failSync' | 'failWrite';

/** Longest times without space, in ms. A node refuses writes when its journal needs the next file but one: that takes a while. */
const FULL_MS_MAX = [4000, 40_000];
const CRASHES = ['before', 'midway', 'after'] as const;

/** Does one of them to a node that runs. */
export function disturbDisk(scene: FaultScene, action: MildFault, node: SimNode): void {
  const { random, cluster } = scene;
  const { disk, process } = node;
  switch (action) {
    case 'slowDisk':
      scene.inject(node, {
        operations: ['write', 'sync'],
        times: randomBetween(random, 1, 20),
        effect: { type: 'slow', ms: randomUnit(random) * 400 },
      });
      return;
    case 'fullDisk': {
      disk.capacityBytes = disk.usedBytes() + randomBetween(random, 0, 20_000);
      disk.onFull = scene.hitter();
      const mend = (): void => {
        disk.onFull = null;
        disk.capacityBytes = Number.POSITIVE_INFINITY;
      };
      scene.onMend(mend);
      return scene.later(randomUnit(random) * (FULL_MS_MAX[randomBetween(random, 0, 1)] ?? 0), mend);
    }
    case 'crashInDisk':
      scene.inject(node, { skip: randomBetween(random, 0, 30), effect: { type: 'crash', when: crashOf(scene) } });
      return comeBackAfterCrash(scene, node);
    case 'crashInNetwork': {
      if (process === null) return;
      const calls = cluster.network.callsOf(process);
      calls.crash(randomBetween(random, 0, 100), crashOf(scene), scene.hitter());
      scene.onMend(() => calls.spare());
      return comeBackAfterCrash(scene, node);
    }
    case 'failSync':
    case 'failWrite': {
      const operations = [action === 'failSync' ? 'sync' : 'write'] as const;
      scene.inject(node, { operations, skip: randomBetween(random, 0, 10), effect: { type: 'fail', kind: 'io' } });
      return scene.whenKilled(node, () => scene.restartLater(node));
    }
  }
}

function crashOf({ random }: FaultScene): (typeof CRASHES)[number] {
  return CRASHES[randomBetween(random, 0, 2)] ?? 'after';
}

/** Half of the processes that crash lose power with it. */
function comeBackAfterCrash(scene: FaultScene, node: SimNode): void {
  scene.whenKilled(node, () => {
    if (scene.isRunning && randomChance(scene.random, 0.5)) scene.later(0.01, () => !node.isUp && node.powerCut(scene.random));
    scene.restartLater(node);
  });
}
