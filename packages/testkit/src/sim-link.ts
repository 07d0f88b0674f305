import { type Random, randomUnit } from '@quorate/base';
import type { SimEvent } from './event-heap.js';
import type { SimScheduler } from './scheduler.js';
import type { SimProcess } from './sim-process.js';

/** What one direction of a cable between two nodes is like. */
export interface LinkConditions {
  /** Least time a byte takes, in ms. */
  readonly latencyMs: number;
  /** Random addition, 0 to this many ms. */
  readonly jitterMs: number;
  /** Infinity: unlimited. */
  readonly bytesPerMs: number;
  /** Probability that a delivery is cut into chunks at random byte borders. */
  readonly chunkChance: number;
  /** Probability that a packet is lost and must be sent again, for each time it is sent. What is behind it in its connection waits. */
  readonly lossChance: number;
  /** Told of each packet that is lost. */
  readonly lost?: () => void;
}

/** A quick local network: a quarter to half a millisecond one way, 125 MB/s. */
export const DEFAULT_LINK: LinkConditions = { latencyMs: 0.25, jitterMs: 0.25, bytesPerMs: 125_000, chunkChance: 0.1, lossChance: 0 };

/** Time after which TCP sends again for the first time, in ms; each time after that it waits twice as long. */
const RESEND_MS = 200;
const RESENDS_MAX = 6;

/** Something on its way over a link, in order within its flow. */
interface Parcel {
  readonly flow: Flow;
  readonly bytes: number;
  readonly deliver: () => void;
  readonly owner: SimProcess | null;
}

/** One direction of one connection: what is sent over it arrives in order. */
export interface Flow {
  lastArrivalMs: number;
}

/** One direction between two nodes. While it is cut, what is sent waits, as TCP would keep sending it again. */
export class SimLink {
  conditions: LinkConditions;
  readonly #scheduler: SimScheduler;
  readonly #random: Random;
  readonly #sent: ((bytes: number, sentMs: number, arrivesMs: number) => void) | undefined;
  #isCut = false;
  #freeAtMs = 0;
  #held: Parcel[] = [];

  /** `sent` is told of everything that sets out: bytes, when, and when it arrives. */
  constructor(
    scheduler: SimScheduler,
    random: Random,
    conditions: LinkConditions,
    sent?: (bytes: number, sentMs: number, arrivesMs: number) => void,
  ) {
    this.#sent = sent;
    this.#scheduler = scheduler;
    this.#random = random;
    this.conditions = conditions;
  }

  get isCut(): boolean {
    return this.#isCut;
  }

  cut(): void {
    this.#isCut = true;
  }

  /** What was held goes out now, in order. */
  heal(): void {
    if (!this.#isCut) return;
    this.#isCut = false;
    const held = this.#held;
    this.#held = [];
    for (const parcel of held) this.#carry(parcel, this.#scheduler.nowMs);
  }

  /** Sends something that takes `bytes` of the bandwidth; `deliver` runs on arrival on behalf of `owner`. */
  send(flow: Flow, bytes: number, departureMs: number, deliver: () => void, owner: SimProcess | null): void {
    const parcel: Parcel = { flow, bytes, deliver, owner };
    if (this.#isCut) this.#held.push(parcel);
    else this.#carry(parcel, departureMs);
  }

  /** Time that is lost with what is lost, as TCP sends it again. */
  #lossMs(lossChance: number): number {
    const { lost } = this.conditions;
    let lostMs = 0;
    for (let resends = 0; resends < RESENDS_MAX && randomUnit(this.#random) < lossChance; resends++) {
      lostMs += RESEND_MS * 2 ** resends;
      lost?.();
    }
    return lostMs;
  }

  #carry(parcel: Parcel, departureMs: number): SimEvent {
    const { latencyMs, jitterMs, bytesPerMs, lossChance } = this.conditions;
    const startMs = Math.max(departureMs, this.#freeAtMs);
    this.#freeAtMs = startMs + parcel.bytes / bytesPerMs;
    const jitter = jitterMs > 0 ? randomUnit(this.#random) * jitterMs : 0;
    const lostMs = lossChance > 0 ? this.#lossMs(lossChance) : 0;
    const arrivalMs = Math.max(this.#freeAtMs + latencyMs + jitter + lostMs, parcel.flow.lastArrivalMs);
    const event = this.#scheduler.schedule(arrivalMs, parcel.deliver, parcel.owner);
    parcel.flow.lastArrivalMs = event.timeMs;
    this.#sent?.(parcel.bytes, startMs, event.timeMs);
    return event;
  }
}
