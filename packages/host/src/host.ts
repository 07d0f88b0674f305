import { type Listener, QuorateError, asQuorateError } from '@quorate/base';
import { type Storage, openStorage } from '@quorate/storage';
import { checkIdentity, checkMembers } from './formation.js';
import type { Leadership } from './groups/replica-set.js';
import { type AppliedState, DEFAULT_SETTINGS, type Host, type HostEvents, type HostOptions } from './host-options.js';
import { Node } from './node.js';
import { NodeSnapshots } from './snapshots/node-snapshots.js';

/** Pause between two looks at a drain under way. */
const DRAIN_POLL_MS = 10;
/** Longer than an election: a hand-over has succeeded or was given up by then. */
const HAND_OVER_RETRY_MS = 500;

/**
 * Opens the data directory, listens and runs a node. `done` is called once: with an error if the options are impossible
 * (`invalidArgument`), the directory is in use, foreign, damaged or of a newer format, or the address cannot be listened on; with the node
 * otherwise. It may still wait for the other members to form the cluster; `status` says so.
 */
export function startHost(options: HostOptions, done: (error: QuorateError | null, host: Host | null) => void, events: HostEvents): void {
  try {
    checkMembers(options);
  } catch (thrown) {
    options.timers.defer(() => done(asQuorateError(thrown), null));
    return;
  }
  let node: Node | null = null;
  const snapshots = new NodeSnapshots();
  const settings = { ...DEFAULT_SETTINGS, ...options.settings };
  // Before the node is there, and if it never comes, whoever opens is told of faults by the calls themselves.
  const storageEvents = Node.storageEvents(() => node);
  openStorage(
    {
      disk: options.disk,
      timers: options.timers,
      clock: options.clock,
      checksum: options.checksum,
      logger: options.logger,
      events: storageEvents,
      journalFileBytes: settings.journalFileBytes,
      syncMode: settings.syncMode,
      checkIdentity: (identity) => checkIdentity(options, identity),
    },
    (error, storage) => {
      if (error !== null || storage === null) {
        done(error ?? new QuorateError('invariantBroken', 'storage opened with neither error nor result'), null);
        return;
      }
      const giveUp = (reason: QuorateError): void => storage.close(() => done(reason, null));
      try {
        node = new Node({ options, storage, events, snapshots });
        node.prepare();
      } catch (thrown) {
        node?.close();
        giveUp(asQuorateError(thrown));
        return;
      }
      const ready = node;
      snapshots.loadAll(options, storage, () => listen(options, ready, storage, done, giveUp));
    },
  );
}

function listen(
  options: HostOptions,
  node: Node,
  storage: Storage,
  done: (error: QuorateError | null, host: Host | null) => void,
  giveUp: (reason: QuorateError) => void,
): void {
  options.network.listen(
    options.listen,
    (connection) => node.clients.accept(connection),
    (error, listener) => {
      if (error !== null || listener === null) {
        giveUp(error ?? new QuorateError('invariantBroken', 'the network listened with neither error nor result'));
        return;
      }
      try {
        node.start();
      } catch (thrown) {
        listener.close();
        node.close();
        giveUp(asQuorateError(thrown));
        return;
      }
      done(null, new RunningHost({ options, node, storage, listener }));
    },
  );
}

class RunningHost implements Host {
  readonly #options: HostOptions;
  readonly #node: Node;
  readonly #storage: Storage;
  readonly #listener: Listener;
  #stopCallbacks: ((error: QuorateError | null) => void)[] | null = null;
  #leaderships: readonly Leadership[] = [];
  #canHandOver = false;
  #isDrained = false;
  #stopResult: { error: QuorateError | null } | null = null;

  constructor(init: { options: HostOptions; node: Node; storage: Storage; listener: Listener }) {
    this.#options = init.options;
    this.#node = init.node;
    this.#storage = init.storage;
    this.#listener = init.listener;
  }

  get address(): Host['address'] {
    return this.#listener.address;
  }

  status(): ReturnType<Host['status']> {
    return this.#node.status();
  }

  get receivingBytes(): number {
    return this.#node.receivingBytes;
  }

  appliedState(group: number): AppliedState | null {
    const replica = this.#node.replica(group);
    return replica === undefined ? null : { appliedIndex: replica.appliedIndex, hash: replica.view.hash };
  }

  stop(done: (error: QuorateError | null) => void): void {
    if (this.#stopResult !== null) {
      const { error } = this.#stopResult;
      this.#options.timers.defer(() => done(error));
      return;
    }
    if (this.#stopCallbacks !== null) {
      this.#stopCallbacks.push(done);
      return;
    }
    this.#stopCallbacks = [done];
    this.#listener.close();
    this.#node.drain();
    const drainMs = this.#options.settings?.drainMs ?? DEFAULT_SETTINGS.drainMs;
    const deadlineMs = this.#options.clock.nowMs() + drainMs;
    this.#leaderships = this.#node.leaderships();
    this.#handOver(deadlineMs);
    this.#awaitDrain(deadlineMs);
  }

  /** Tried again now and then, because a hand-over may come to nothing. */
  #handOver(deadlineMs: number): void {
    if (this.#isDrained) return;
    this.#canHandOver = false;
    for (const { replica } of this.#stillHeld()) if (replica.transferLeader(0)) this.#canHandOver = true;
    if (this.#options.clock.nowMs() < deadlineMs) this.#options.timers.set(HAND_OVER_RETRY_MS, () => this.#handOver(deadlineMs));
  }

  #stillHeld(): readonly Leadership[] {
    this.#leaderships = this.#leaderships.filter(({ replica, term }) => replica.isLeader && replica.raft.term === term);
    return this.#leaderships;
  }

  /** Until what was led here is led by others, as far as there are any, and nobody waits for an answer; or time is up. */
  #awaitDrain(deadlineMs: number): void {
    const waits = this.#node.owesAnswers || (this.#canHandOver && this.#stillHeld().length > 0);
    if (waits && this.#options.clock.nowMs() < deadlineMs) {
      this.#options.timers.set(DRAIN_POLL_MS, () => this.#awaitDrain(deadlineMs));
      return;
    }
    this.#isDrained = true;
    this.#node.close();
    this.#storage.close((error) => {
      this.#stopResult = { error };
      for (const done of this.#stopCallbacks ?? []) done(error);
    });
  }
}
