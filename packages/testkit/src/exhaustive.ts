import { SeededRandom, randomBetween } from '@quorate/base';
import { CrashRecovery, CrashScript, type ScriptOutcome } from './crash-script.js';
import { CHANGING_OPERATIONS, type DiskEffect, type DiskOperation } from './disk-rules.js';
import type { DiskImage, PowerCutOptions } from './disk-state.js';
import { endAt } from './simulator-error.js';

/** What to try, and of which part. */
export interface ExhaustiveOptions {
  readonly seed: number;
  /** Operations of the script. */
  readonly length: number;
  /** Only the calls to the disk from this number on (0) … */
  readonly from?: number;
  /** … up to this one (excluded); default all. */
  readonly to?: number;
  /** Only each so many of these; default 1. */
  readonly every?: number;
  /** Crashes on top of each other: 1 only those of the script, 2 also those of the recoveries, 3 (the default) also those of the recoveries from these. */
  readonly depth?: 1 | 2 | 3;
  /** Told after each of them. */
  readonly progress?: (tried: ExhaustiveCounts) => void;
}

/** What was tried. */
export interface ExhaustiveCounts {
  /** Calls to the disk during the script that were hit, each in a run of its own. */
  calls: number;
  /** Crashes inside a recovery, and inside the recovery from that. */
  recoveries: number;
  secondRecoveries: number;
}

const WHEN = ['before', 'midway', 'after'] as const;

/** What a power cut may leave of what was not synced: nothing, everything, rubbish in every second sector, any part of it. */
const CUTS: readonly (PowerCutOptions & { readonly name: string })[] = [
  { name: 'nothing unsynced is left', keepChance: 0, tornChance: 0 },
  { name: 'everything is left', keepChance: 1, tornChance: 0 },
  { name: 'sectors are torn', tornChance: 0.5 },
  { name: 'any part is left' },
];

/** Calls whose failure a process must survive or end by: all but those of a process that is not there yet. */
const FAILING_OPERATIONS: readonly DiskOperation[] = [...CHANGING_OPERATIONS, 'list', 'open', 'read'];

/**
 * Loses power at every single call to the disk that changes something while the script runs; then at every one of the recovery; then, for one
 * of those, at every one of the recovery from it. Of what was not synced at the call nothing, everything, torn sectors, and any part are left, one
 * after the other; in recoveries one of the four. After each nothing acknowledged may be missing, and the script must go on to its end. Throws at the first that
 * breaks this, with the numbers to repeat it.
 */
export function crashEverywhere(options: ExhaustiveOptions): ExhaustiveCounts {
  const { depth = 3 } = options;
  const counts: ExhaustiveCounts = { calls: 0, recoveries: 0, secondRecoveries: 0 };
  for (let call = options.from ?? 0; call < (options.to ?? Number.POSITIVE_INFINITY); call += options.every ?? 1) {
    const random = new SeededRandom((options.seed ^ Math.imul(call + 1, 0x9e37_79b1)) >>> 0);
    const script = new CrashScript(options.seed, options.length);
    const rule = script.run({ effect: crashDrawn(random), operations: CHANGING_OPERATIONS, skip: call });
    if (rule.hits === 0) break;
    rule.remove();
    counts.calls++;
    at(`call ${call}`, () => {
      const { outcome } = script;
      for (const cut of CUTS) {
        const left = script.node.disk.powerCutImage(random, cut);
        at(cut.name, () => new CrashRecovery(random.nextUint32(), left).check(outcome));
      }
      script.node.powerCut(random);
      const image = script.node.disk.image();
      script.finish();
      script.recovered().check(script.outcome);
      if (depth > 1) dive(image, outcome, random, depth, counts);
    });
    options.progress?.(counts);
  }
  return counts;
}

/** Power is lost at every call of a recovery, and at every call of the recovery from one of those. */
function dive(image: DiskImage, outcome: ScriptOutcome, random: SeededRandom, depth: number, counts: ExhaustiveCounts): void {
  const left = crashesOfRecovery(image, outcome, random);
  counts.recoveries += left.length;
  const drawn = left[randomBetween(random, 0, Math.max(0, left.length - 1))];
  if (drawn === undefined || depth < 3) return;
  at('a crash in its recovery', () => {
    counts.secondRecoveries += crashesOfRecovery(drawn, outcome, random).length;
  });
}

/** Loses power at each call of the recovery from an image; gives what each left on the disk. */
function crashesOfRecovery(image: DiskImage, outcome: ScriptOutcome, random: SeededRandom): DiskImage[] {
  const left: DiskImage[] = [];
  for (let call = 0; ; call++) {
    const recovery = new CrashRecovery(random.nextUint32(), image);
    const rule = recovery.run({ effect: crashDrawn(random), operations: CHANGING_OPERATIONS, skip: call });
    rule.remove();
    if (rule.hits === 0) {
      at('the recovery', () => recovery.check(outcome));
      return left;
    }
    const cut = CUTS[randomBetween(random, 0, CUTS.length - 1)] as (typeof CUTS)[number];
    recovery.node.powerCut(random, cut);
    const after = recovery.node.disk.image();
    left.push(after);
    at(`call ${call} of the recovery, ${cut.name}`, () => recovery.check(outcome));
  }
}

/**
 * Lets every single call to the disk fail once while the script runs, with `kind`. The script must go on to its end, in the same process or the
 * next, and nothing acknowledged may be missing.
 */
export function failEverywhere(options: ExhaustiveOptions, kind: 'io' | 'full'): ExhaustiveCounts {
  const counts: ExhaustiveCounts = { calls: 0, recoveries: 0, secondRecoveries: 0 };
  for (let call = options.from ?? 0; call < (options.to ?? Number.POSITIVE_INFINITY); call += options.every ?? 1) {
    const script = new CrashScript(options.seed, options.length);
    const rule = script.run({ effect: { type: 'fail', kind }, operations: FAILING_OPERATIONS, skip: call });
    if (rule.hits === 0) break;
    counts.calls++;
    at(`call ${call}, which fails with "${kind}"`, () => {
      script.finish();
      script.recovered().check(script.outcome);
    });
    options.progress?.(counts);
  }
  return counts;
}

function crashDrawn(random: SeededRandom): DiskEffect {
  return { type: 'crash', when: WHEN[randomBetween(random, 0, WHEN.length - 1)] ?? 'after' };
}

/** Says where in the tree of crashes something failed. */
function at(where: string, act: () => void): void {
  try {
    act();
  } catch (thrown) {
    throw endAt(where, thrown);
  }
}
