import { type Random, randomBetween, randomChance, randomUnit } from '@quorate/base';
import type { FaultScene } from './fault-scene.js';
import { preferredClient } from './fault-targets.js';
import type { SimNode } from './sim-node.js';
import type { SimProcess } from './sim-process.js';

/** Faults of clocks. */
export type ClockFault = 'clockDrift' | 'clockJump' | 'clockFreeze' | 'wallJump';

/** Clocks run apart by less than 1 %, which is what holders of locks allow for. */
const DRIFT_MAX = 0.004;
const JUMP_MS_MAX = 5000;
const FREEZE_MS_MAX = 2000;
const DAY_MS = 86_400_000;

/**
 * Does one of them to a node, sometimes to a client. A client's clock never stands still: until when a lock is certainly held it can only tell by
 * that clock, and by nothing else.
 */
export function disturbClock(scene: FaultScene, action: ClockFault, node: SimNode): boolean {
  const { cluster, random } = scene;
  const client = action !== 'clockFreeze' && randomChance(random, 0.25) ? preferredClient(cluster.clients, random.nextUint32()) : null;
  const process = client === null ? node.process : client.process;
  if (process === null) return false;
  scene.hits(client === null ? node.name : client.name);
  switch (action) {
    case 'clockDrift': {
      const rate = 1 + (randomUnit(random) - 0.5) * 2 * DRIFT_MAX;
      if (client === null) node.clockRate = rate;
      process.driftClock(rate);
      return true;
    }
    case 'clockJump':
      if (client === null) cluster.clockJumped(node.name);
      process.jumpClock(anySize(random, JUMP_MS_MAX));
      return true;
    case 'clockFreeze':
      if (process.isClockFrozen) return false;
      freeze(scene, node, process);
      return true;
    case 'wallJump': {
      const ms = anySize(random, DAY_MS) * (randomChance(random, 0.5) ? 1 : -1);
      if (client === null) node.wallOffsetMs += ms;
      process.jumpWall(ms);
      return true;
    }
  }
}

/** As when a virtual machine stands still, with its process or, seen by its clock only, without; afterwards the clock may make good what it missed. */
function freeze(scene: FaultScene, node: SimNode, process: SimProcess): void {
  const { cluster, random } = scene;
  const ms = anySize(random, FREEZE_MS_MAX);
  const isStanding = randomChance(random, 0.5) && !node.isPaused;
  const isMadeGood = randomChance(random, 0.5);
  process.freezeClock(ms);
  scene.onMend(() => process.thawClock());
  if (isStanding) process.pause();
  scene.later(ms, () => {
    if (isMadeGood && scene.isRunning) {
      cluster.clockJumped(node.name);
      process.jumpClock(ms);
    }
    if (isStanding) process.resume();
  });
}

/** Milliseconds, 1 to `max`; each order of magnitude is as likely. */
function anySize(random: Random, max: number): number {
  const magnitude = 10 ** randomBetween(random, 1, Math.ceil(Math.log10(max)));
  return randomBetween(random, 1, Math.min(max, magnitude));
}
