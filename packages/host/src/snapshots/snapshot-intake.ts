import { type Checksum, type LogIndex, type Logger, type QuorateError, asQuorateError } from '@quorate/base';
import type { MachineLoader } from '@quorate/machine';
import type { Ready, SnapshotPiece } from '@quorate/raft';
import type { SnapshotFile, SnapshotWriter, Storage } from '@quorate/storage';
import type { MachineView } from '../groups/machine-view.js';
import type { Replica } from '../groups/replica.js';
import { loadMachine } from './load-machine.js';
import { Pace } from './pace.js';
import { SLICE_MS, type SlicePorts } from './slices.js';

/** Loading beside service takes half of the loop's time, or less where others are late. */
const LOAD_PACE = { parts: 2, restMaxMs: 2 * SLICE_MS } as const;

/** What receiving a snapshot needs. */
export interface SnapshotIntakeInit {
  readonly replica: Replica;
  readonly view: MachineView;
  readonly storage: Storage;
  readonly ports: SlicePorts & { readonly checksum: Checksum; readonly logger: Logger };
  /** The machine is that of the snapshot from now on. */
  readonly installed: (file: SnapshotFile) => void;
}

/** A snapshot on its way in. */
interface Intake {
  readonly piece: SnapshotPiece;
  readonly writer: SnapshotWriter;
  stopLoading: (() => void) | null;
}

/**
 * The snapshot that a leader sends to a replica: stored piece by piece, then loaded into a machine of its own while the old one still answers,
 * and only then, in one step, put in its place. Whatever goes wrong leaves the replica as it was.
 */
export class SnapshotIntake {
  readonly #init: SnapshotIntakeInit;
  #current: Intake | null = null;

  constructor(init: SnapshotIntakeInit) {
    this.#init = init;
  }

  /** True while one is being stored or loaded. */
  get isActive(): boolean {
    return this.#current !== null;
  }

  /** Length of what is being stored or loaded; 0: nothing is. */
  get bytes(): number {
    return this.#current?.piece.head.length ?? 0;
  }

  /** What the core says of it. */
  ready(ready: Ready): void {
    if (ready.isSnapshotAbandoned) this.abort();
    const piece = ready.snapshotPiece;
    if (piece === null) return;
    const intake = piece.offset === 0 ? this.#begin(piece) : this.#current;
    // Given up here in the turn in which the core took the piece.
    if (intake === null || intake.piece.index !== piece.index) return this.#refused(piece.index);
    intake.writer.write(piece.bytes, (error) => {
      if (this.#current !== intake) return;
      if (error !== null) return this.#fail(intake, error);
      this.#init.replica.step((raft, nowMs) => raft.snapshotStored(piece.index, piece.offset + piece.bytes.length, nowMs));
      if (piece.isLast && this.#current === intake) this.#finish(intake);
    });
  }

  /** Gives up what was received. */
  abort(): void {
    const intake = this.#current;
    if (intake === null) return;
    this.#current = null;
    intake.stopLoading?.();
    intake.writer.abort();
  }

  #begin(piece: SnapshotPiece): Intake | null {
    this.abort();
    const { storage, replica, ports } = this.#init;
    const { index, term, head } = piece;
    try {
      const { voters } = head.configuration;
      const writer = storage.receiveSnapshot({ group: replica.group, index, term, voters, loggedTimeMs: head.loggedTimeMs });
      this.#current = { piece, writer, stopLoading: null };
      ports.logger.log('info', 'snapshot arriving', { group: replica.group, index });
    } catch (thrown) {
      const { code, message } = asQuorateError(thrown);
      // Too many voters for this version.
      if (code !== 'invalidArgument') throw thrown;
      ports.logger.log('error', 'a snapshot cannot be stored', { group: replica.group, index, message });
    }
    return this.#current;
  }

  #finish(intake: Intake): void {
    intake.writer.finish((error, file) => {
      if (this.#current !== intake) return;
      if (error !== null || file === null) return this.#fail(intake, error);
      const loaded = (loadError: QuorateError | null, loader: MachineLoader): void => {
        if (this.#current !== intake) return;
        intake.stopLoading = null;
        if (loadError === null) this.#install(intake, file, loader);
        else this.#fail(intake, loadError);
      };
      intake.stopLoading = loadMachine(this.#init.ports, file, loaded, new Pace(this.#init.ports, LOAD_PACE));
    });
  }

  #install(intake: Intake, file: SnapshotFile, loader: MachineLoader): void {
    const { replica, view, installed } = this.#init;
    let machine: MachineView['machine'];
    try {
      machine = view.made(loader);
    } catch (thrown) {
      this.#fail(intake, asQuorateError(thrown));
      return;
    }
    this.#current = null;
    let isWanted = false;
    replica.step((raft, nowMs) => {
      isWanted = raft.snapshotInstalled(file.index, file.term, intake.piece.head, nowMs);
      if (!isWanted) return;
      installed(file);
      view.replace(machine);
      replica.installed(file.index);
    });
    if (!isWanted) intake.writer.abort();
  }

  /** `error` null: a newer one is here already. */
  #fail(intake: Intake, error: QuorateError | null): void {
    const { replica, ports } = this.#init;
    const { index } = intake.piece;
    this.abort();
    if (error !== null) {
      const { code, message } = error;
      ports.logger.log('error', 'a snapshot could not be installed', { group: replica.group, index, code, message });
      // What this node does not know it will not know of the next one either.
      if (code === 'resourceUnsupported' || code === 'formatUnsupported') return replica.stop(error);
    }
    this.#refused(index);
  }

  #refused(index: LogIndex): void {
    this.#init.replica.step((raft) => raft.snapshotFailed(index));
  }
}
