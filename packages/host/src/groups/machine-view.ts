import type { BatchHeader, GroupId } from '@quorate/base';
import { type AnyResourceType, Machine, type MachineEvents, type MachineLoader, type MachineOptions } from '@quorate/machine';
import type { ApplyOutcome, View } from './view.js';

/** Who is told what came of each batch: the outcome apart, which goes to whoever proposed it. */
export interface MachineListener extends MachineEvents {
  /** The batch is applied: the machine may be asked again. Comes before its proposer is told. */
  batchApplied(): void;
  /** The machine is another one from now on, with the state of a later index: what lies between was told to nobody. */
  replaced(): void;
}

const NO_LISTENER: MachineListener = {
  sessionOpened: () => {},
  sessionEnded: () => {},
  published: () => {},
  applied: () => {},
  batchApplied: () => {},
  replaced: () => {},
};

/** The view of a group with sessions and resources. */
export class MachineView implements View {
  readonly #options: MachineOptions;
  #machine: Machine;
  listener: MachineListener = NO_LISTENER;

  /**
   * Starts empty, or from a snapshot that was loaded. Throws `invalidArgument` for two resource types of the same name and version, and what
   * `MachineLoader.finish` throws.
   */
  constructor(group: GroupId, resources: readonly AnyResourceType[], loader: MachineLoader | null = null) {
    this.#options = {
      group,
      resources,
      events: {
        sessionOpened: (session) => this.listener.sessionOpened(session),
        sessionEnded: (session, isExpired) => this.listener.sessionEnded(session, isExpired),
        published: (batch) => this.listener.published(batch),
        applied: (session, number) => this.listener.applied(session, number),
      },
    };
    this.#machine = loader === null ? new Machine(this.#options) : loader.finish(this.#options);
  }

  get machine(): Machine {
    return this.#machine;
  }

  /** A machine for this view, of a snapshot that was loaded. Throws like `MachineLoader.finish`. */
  made(loader: MachineLoader): Machine {
    return loader.finish(this.#options);
  }

  /** Puts such a machine in the place of the present one. */
  replace(machine: Machine): void {
    this.#machine = machine;
    this.listener.replaced();
  }

  get hash(): number {
    return Number.parseInt(this.machine.hash.slice(0, 8), 16);
  }

  apply(header: BatchHeader, payload: Uint8Array): ApplyOutcome {
    const outcome = this.machine.apply(header, payload);
    this.listener.batchApplied();
    return { view: 'machine', group: header.group, outcome };
  }
}
