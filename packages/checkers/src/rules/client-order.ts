import type { Call } from '../history/call.js';

interface Place {
  readonly call: Call;
  /** NaN as long as it is not known. */
  position: number;
}
interface Lane {
  /** Greatest position of the calls that are no longer listed; all of them were invoked before those that are. */
  floor: number;
  floorCall: Call | null;
  readonly places: Place[];
}

/** Two calls of one client whose effects stand in the other order than their invocations. */
export interface OutOfOrder {
  readonly earlier: Call;
  readonly earlierPosition: number;
}

/** Program order: what one client calls first takes effect first, also if it does not wait for the answers. Positions are versions or offsets. */
export class ClientOrder {
  readonly #lanes = new Map<string, Lane>();

  invoked(call: Call): void {
    let lane = this.#lanes.get(call.client);
    if (lane === undefined) {
      lane = { floor: Number.NEGATIVE_INFINITY, floorCall: null, places: [] };
      this.#lanes.set(call.client, lane);
    }
    lane.places.push({ call, position: Number.NaN });
  }

  /** The call has no position: it failed, is unknown, or changed nothing. */
  without(call: Call): void {
    const lane = this.#lanes.get(call.client);
    const at = lane?.places.findIndex((place) => place.call === call) ?? -1;
    if (lane === undefined || at < 0) return;
    lane.places.splice(at, 1);
    this.#collapse(lane);
  }

  /** The call took effect there. Gives a call of the same client that contradicts it. */
  placed(call: Call, position: number): OutOfOrder | null {
    const lane = this.#lanes.get(call.client);
    const at = lane?.places.findIndex((place) => place.call === call) ?? -1;
    if (lane === undefined || at < 0) return null;
    (lane.places[at] as Place).position = position;
    let wrong: OutOfOrder | null = null;
    if (lane.floorCall !== null && position <= lane.floor) wrong = { earlier: lane.floorCall, earlierPosition: lane.floor };
    for (const [index, place] of lane.places.entries()) {
      if (index < at && place.position >= position) wrong = { earlier: place.call, earlierPosition: place.position };
      if (index > at && place.position <= position) wrong = { earlier: place.call, earlierPosition: place.position };
    }
    this.#collapse(lane);
    return wrong;
  }

  #collapse(lane: Lane): void {
    let count = 0;
    for (const { call, position } of lane.places) {
      if (Number.isNaN(position)) break;
      count++;
      if (position <= lane.floor) continue;
      lane.floor = position;
      lane.floorCall = call;
    }
    if (count > 0) lane.places.splice(0, count);
  }
}
