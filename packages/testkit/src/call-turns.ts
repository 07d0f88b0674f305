import { type Random, randomUnit } from '@quorate/base';
import type { CallPulse } from './call-pulse.js';
import { randomByName } from './random-by-name.js';
import type { ScriptedCall } from './sim-script.js';
import type { WorkloadClient } from './workload-client.js';

/** A call that a client made, as a script can name it. */
export interface MadeCall extends ScriptedCall {
  readonly kind: string;
}

/** Where a lane runs. */
type TurnsProcess = Pick<WorkloadClient['process'], 'timers' | 'nowMs'>;

/** Says when the clients of a run make their calls, and notes those they made. */
export class CallScript {
  /** Calls that were made, in order. */
  readonly made: MadeCall[] = [];
  readonly seed: number;
  readonly #calls: ReadonlyMap<string, readonly ScriptedCall[]> | null;
  readonly #kindsOff: ReadonlySet<string>;

  constructor(seed: number, calls: readonly ScriptedCall[] | null, kindsOff: readonly string[]) {
    this.seed = seed;
    this.#kindsOff = new Set(kindsOff);
    this.#calls = calls === null ? null : byLane(calls);
  }

  /**
   * The calls of one lane, by themselves. `pauseMsMax`: between two of them, if the script does not name each. `pulse`: with those of other
   * lanes.
   */
  turns(lane: string, process: TurnsProcess, pauseMsMax: number, pulse: CallPulse | null = null): CallTurns {
    const calls = this.#calls === null ? null : (this.#calls.get(lane) ?? []);
    return new CallTurns({ script: this, lane, process, pauseMsMax, pulse, calls });
  }

  /** False: the script leaves this kind out. */
  isWanted(kind: string): boolean {
    return !this.#kindsOff.has(kind);
  }
}

interface CallTurnsInit {
  readonly script: CallScript;
  readonly lane: string;
  readonly process: TurnsProcess;
  readonly pauseMsMax: number;
  readonly pulse: CallPulse | null;
  readonly calls: readonly ScriptedCall[] | null;
}

/** One lane of a client: one call after the other, each drawn from its own name. */
export class CallTurns {
  readonly #init: CallTurnsInit;
  #turn = -1;
  #id: string;
  #random: Random;

  constructor(init: CallTurnsInit) {
    this.#init = init;
    this.#id = init.lane;
    this.#random = randomByName(init.script.seed, init.lane);
  }

  /** Of the call whose turn it is. */
  get random(): Random {
    return this.#random;
  }

  /** Waits for the time of the next call; never comes if the script has no more. */
  next(act: () => void): void {
    const { script, lane, process, pauseMsMax, pulse, calls } = this.#init;
    this.#turn++;
    const call = calls?.[this.#turn];
    if (calls !== null && call === undefined) return;
    this.#id = call?.id ?? `${lane}/${this.#turn}`;
    this.#random = randomByName(script.seed, this.#id);
    const pauseMs = randomUnit(this.#random) * pauseMsMax;
    const dueMs = call === undefined ? process.nowMs + pauseMs : Math.max(call.atMs, process.nowMs);
    if (pulse === null) process.timers.set(dueMs - process.nowMs, act);
    else if (call === undefined) pulse.after(dueMs, act);
    else pulse.at(dueMs, act);
  }

  /** Notes that the call whose turn it is is made; false if the script leaves it out: then it is the `next` one's turn. */
  makes(kind: string): boolean {
    const { script, process } = this.#init;
    if (!script.isWanted(kind)) return false;
    script.made.push({ id: this.#id, atMs: process.nowMs, kind });
    return true;
  }
}

function byLane(calls: readonly ScriptedCall[]): Map<string, ScriptedCall[]> {
  const lanes = new Map<string, ScriptedCall[]>();
  for (const call of calls) {
    const lane = call.id.slice(0, call.id.lastIndexOf('/'));
    const before = lanes.get(lane);
    if (before === undefined) lanes.set(lane, [call]);
    else before.push(call);
  }
  return lanes;
}
