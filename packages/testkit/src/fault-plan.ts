import { type Random, randomBetween, randomChance, randomUnit } from '@quorate/base';
import { NEMESIS_ACTIONS, type NemesisAction } from './nemesis-actions.js';

/** One fault that is to happen. */
export interface FaultStep {
  /** Unique in its plan. */
  readonly id: number;
  /** After the beginning of the faults, in ms of virtual time. */
  readonly atMs: number;
  readonly action: NemesisAction;
  /** The node it is about, from 1; in a smaller cluster, counted round. */
  readonly node: number;
  /** Everything else about it (how long, what part, which other) is drawn from this. */
  readonly seed: number;
}

/** All faults of a run, fixed before it begins: one that is left out changes nothing about the others. */
export interface FaultPlan {
  /** In order of time. */
  readonly steps: readonly FaultStep[];
  /** The only node whose data may be destroyed, from 1. */
  readonly victim: number;
}

/** A fault that was injected, for the story of a run. Times in ms of virtual time. */
export interface InjectedFault {
  /** Of its step in the plan. */
  readonly id: number;
  readonly action: NemesisAction;
  readonly atMs: number;
  /** When the last of it was mended; equal to `atMs` for what is over at once. */
  untilMs: number;
  /** Names of the nodes and clients it hit. */
  targets: readonly string[];
}

/** Faults come in storms, one upon the other, with calm between them in which all recovers and goes on with what the storm left; in ms. */
const STORM_MS_MAX = 6000;
const CALM_MS_MAX = [8000, 16_000, 32_000];

/** Faults of a mix of their own for a run, over `durationMs` of virtual time. */
export function drawFaultPlan(
  random: Random,
  { actions = NEMESIS_ACTIONS, durationMs }: { readonly actions?: readonly NemesisAction[]; readonly durationMs: number },
): FaultPlan {
  const victim = randomBetween(random, 1, 15);
  if (actions.length === 0) return { steps: [], victim };
  // A mix of its own for each run finds more than the same mix always: a fault may hide another.
  const drawn = actions.filter(() => randomChance(random, 0.5));
  const mix = drawn.length > 0 ? drawn : actions;
  const pauseMsMax = [100, 500, 2000][randomBetween(random, 0, 2)] ?? 500;
  const calmMsMax = CALM_MS_MAX[randomBetween(random, 0, CALM_MS_MAX.length - 1)] ?? 0;
  const steps: FaultStep[] = [];
  let stormEndsMs = randomUnit(random) * STORM_MS_MAX;
  for (let atMs = randomUnit(random) * pauseMsMax; atMs < durationMs; atMs += randomUnit(random) * pauseMsMax) {
    if (atMs > stormEndsMs) {
      atMs += randomUnit(random) * calmMsMax;
      stormEndsMs = atMs + randomUnit(random) * STORM_MS_MAX;
      if (atMs >= durationMs) break;
    }
    steps.push({
      id: steps.length + 1,
      atMs: Math.round(atMs * 1000) / 1000,
      action: mix[randomBetween(random, 0, mix.length - 1)] as NemesisAction,
      // Divisible by 1, 3 and 5: each node of every cluster is as likely.
      node: randomBetween(random, 1, 15),
      seed: random.nextUint32(),
    });
  }
  return { steps, victim };
}
