import type { BatchHeader, GroupId } from '@quorate/base';
import { type AnyResourceType, Machine, type MachineEvents } from '@quorate/machine';
import type { ApplyOutcome, View } from './view.js';

/** Who is told what came of each batch: the outcome apart, which goes to whoever proposed it. */
export interface MachineListener extends MachineEvents {
  /** The batch is applied: the machine may be asked again. Comes before its proposer is told. */
  batchApplied(): void;
}

const NO_LISTENER: MachineListener = {
  sessionOpened: () => {},
  sessionEnded: () => {},
  published: () => {},
  applied: () => {},
  batchApplied: () => {},
};

/** The view of a group with sessions and resources. */
export class MachineView implements View {
  readonly machine: Machine;
  listener: MachineListener = NO_LISTENER;

  /** Throws `invalidArgument` for two resource types of the same name and version. */
  constructor(group: GroupId, resources: readonly AnyResourceType[]) {
    this.machine = new Machine({
      group,
      resources,
      events: {
        sessionOpened: (session) => this.listener.sessionOpened(session),
        sessionEnded: (session, isExpired) => this.listener.sessionEnded(session, isExpired),
        published: (batch) => this.listener.published(batch),
        applied: (session, number) => this.listener.applied(session, number),
      },
    });
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
