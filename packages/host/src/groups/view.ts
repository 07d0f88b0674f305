import { type BatchHeader, ByteWriter, type GroupId, crc32c } from '@quorate/base';
import type { MachineOutcome } from '@quorate/machine';
import { type AppendOutcome, StreamMachine } from '@quorate/streams';
import { Catalogue, type CatalogueOutcome } from '../catalogue/catalogue.js';
import { decodeCommand } from '../catalogue/commands.js';

/** What applying one committed batch gave; the answer to whoever proposed it. */
export type ApplyOutcome =
  | { readonly view: 'stream'; readonly outcome: AppendOutcome }
  | { readonly view: 'catalogue'; readonly outcome: CatalogueOutcome }
  | { readonly view: 'machine'; readonly group: GroupId; readonly outcome: MachineOutcome }
  /** A no-op or configuration batch. */
  | { readonly view: 'none' };

/** A deterministic machine over the log of one group. */
export interface View {
  /** Rolling hash of all that was applied and what came of it, 32 bits unsigned: equal on all replicas at an equal index (T19). */
  readonly hash: number;
  /** Applies the next committed batch. A throw stops the group: a batch is never skipped. */
  apply(header: BatchHeader, payload: Uint8Array): ApplyOutcome;
}

const NOTHING: ApplyOutcome = { view: 'none' };

/** The view of a stream's group. */
export class StreamView implements View {
  readonly machine: StreamMachine = new StreamMachine();

  get hash(): number {
    return this.machine.hash;
  }

  apply(header: BatchHeader, payload: Uint8Array): ApplyOutcome {
    const outcome = this.machine.apply(header, payload);
    return header.kind === 'commands' ? { view: 'stream', outcome } : NOTHING;
  }
}

/** The view of the system group; tells `created` of every new stream so that its replica is opened. */
export class CatalogueView implements View {
  readonly catalogue: Catalogue = new Catalogue();
  readonly #events: CatalogueEvents;
  #hash = 0;

  constructor(events: CatalogueEvents) {
    this.#events = events;
  }

  get hash(): number {
    return this.#hash;
  }

  apply(header: BatchHeader, payload: Uint8Array): ApplyOutcome {
    if (header.kind !== 'commands') return NOTHING;
    const outcome = this.catalogue.apply(decodeCommand(payload));
    this.#mix(header, outcome);
    if (outcome.type === 'streamCreated' && outcome.wasCreated) this.#events.created(outcome.stream.group, outcome.stream.name);
    if (outcome.type === 'nodesRegistered') this.#events.registered();
    return { view: 'catalogue', outcome };
  }

  #mix(header: BatchHeader, outcome: CatalogueOutcome): void {
    const made = outcome.type === 'streamCreated' ? [outcome.stream.group, outcome.wasCreated ? 1 : 0] : [0, 0];
    const writer = new ByteWriter(32).u32(this.#hash).u64(header.baseIndex).u32(header.payloadChecksum).text(outcome.type);
    for (const value of made) writer.u32(value);
    this.#hash = crc32c(writer.take());
  }
}

export interface CatalogueEvents {
  created(group: GroupId, name: string): void;
  /** Nodes were registered, some perhaps as new incarnations. */
  registered(): void;
}
