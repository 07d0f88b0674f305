import { type Random, randomBetween } from '@quorate/base';
import type { DiskRule, InjectedRule } from './disk-rules.js';
import type { SimCluster } from './sim-cluster.js';
import type { SimNode } from './sim-node.js';

/** What the faults of every kind need of the nemesis that does them. All that is called later belongs to the same fault. */
export interface FaultScene {
  readonly cluster: SimCluster;
  /** Of the fault that is being done: what it draws changes nothing for others. */
  readonly random: Random;
  /** False once everything is being mended. */
  readonly isRunning: boolean;
  /** Names of the nodes and clients that it hits. */
  hits(...targets: string[]): void;
  /** To be called once the fault that is being done has hit something: then it counts, once. */
  hitter(): () => void;
  later(ms: number, action: () => void): void;
  /** A rule that goes when everything is mended. The fault counts once it hits something. */
  inject(node: SimNode, rule: DiskRule): InjectedRule;
  /** Done when everything is mended. */
  onMend(action: () => void): void;
  /** Once the process that runs on the node now has ended, for whatever reason. */
  whenKilled(node: SimNode, action: () => void): void;
  restartLater(node: SimNode): void;
}

/** Any node. */
export function anyNode({ cluster: { nodes }, random }: FaultScene): SimNode {
  return nodes[randomBetween(random, 0, nodes.length - 1)] as SimNode;
}
