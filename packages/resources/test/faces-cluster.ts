import assert from 'node:assert/strict';
import { type BatchHeader, type LogIndex, QuorateError, crc32c, groupId } from '@quorate/base';
import {
  type AnyResourceType,
  type CallTime,
  type CommandResult,
  type Commands,
  type Done,
  type EventBatch,
  MACHINE_OPERATION,
  Machine,
  type MachineOutcome,
  type PendingCall,
  type QueryOptions,
  type ResourceId,
  type ResourceListener,
  type SessionId,
  type SessionState,
  decodeOpenedResource,
  encodeCommands,
  encodeExpireSessions,
  encodeOpenResource,
  encodeOpenSession,
  encodeTick,
} from '@quorate/machine';
import { BUILTIN_TYPES, Resources } from '@quorate/resources';
import { VirtualTime } from './faces-time.js';

export const GROUP = groupId(1);

/** One machine with a log and clients. Everything between them is copied, takes time, and stays in order per session. */
export class FakeCluster {
  readonly time = new VirtualTime();
  readonly machine: Machine;
  readonly clients: FakeCommands[] = [];
  /** Time from a client to the machine and back, in ms, asked for each message. */
  delayMs: () => number = () => 1;
  /** Callbacks of users that threw. */
  readonly thrown: string[] = [];
  #keys = 0;
  #ticked = Number.POSITIVE_INFINITY;
  readonly #owners = new Map<SessionId, FakeCommands>();

  constructor(types: readonly AnyResourceType[] = BUILTIN_TYPES) {
    this.machine = new Machine({
      group: GROUP,
      resources: types,
      events: {
        sessionOpened: () => {},
        sessionEnded: () => {},
        published: (batch) => this.#owners.get(batch.session)?.published(batch),
        applied: () => {},
      },
    });
  }

  client(): FakeCommands {
    const client = new FakeCommands(this);
    this.clients.push(client);
    return client;
  }

  /** A client with its face. */
  resources(): { readonly commands: FakeCommands; readonly resources: Resources } {
    const commands = this.client();
    const logger = {
      log: (_level: string, event: string, fields?: unknown) => void this.thrown.push(`${event} ${JSON.stringify(fields)}`),
    };
    const { time } = this;
    return { commands, resources: new Resources(commands, { group: GROUP, clock: time, timers: time, logger }) };
  }

  apply(payload: Uint8Array, count = 1): MachineOutcome {
    const header: BatchHeader = {
      kind: 'commands',
      group: GROUP,
      term: 1,
      baseIndex: this.machine.appliedIndex + 1,
      count,
      loggedTimeMs: this.time.nowMs(),
      payloadBytes: payload.length,
      payloadChecksum: crc32c(payload),
    };
    const outcome = this.machine.apply(header, payload.slice());
    this.#planTick();
    return outcome;
  }

  openSession(client: FakeCommands): SessionId {
    const key = new Uint8Array(16);
    new DataView(key.buffer).setUint32(0, ++this.#keys);
    const outcome = this.apply(encodeOpenSession({ key, ttlMs: 10_000, graceMs: 10_000 }));
    assert.equal(outcome.type, 'sessionOpened');
    const session = outcome.type === 'sessionOpened' ? outcome.session : 0;
    this.#owners.set(session, client);
    return session;
  }

  expire(session: SessionId): void {
    this.apply(encodeExpireSessions([session]));
  }

  /** Proposes a tick when a timer of the machine is due. */
  #planTick(): void {
    const { nextDeadlineMs } = this.machine;
    if (nextDeadlineMs >= this.#ticked) return;
    this.#ticked = nextDeadlineMs;
    this.time.set(Math.max(0, nextDeadlineMs - this.time.nowMs()), () => {
      this.#ticked = Number.POSITIVE_INFINITY;
      if (this.machine.nextDeadlineMs <= this.time.nowMs()) this.apply(encodeTick());
      else this.#planTick();
    });
  }
}

interface Open {
  done: ((error: QuorateError | null, result: CommandResult | null) => void) | null;
}

interface FakeSession {
  id: SessionId;
  nextNumber: number;
  isLost: boolean;
  /** Moments of the last message each way: later ones do not overtake it. */
  sentMs: number;
  receivedMs: number;
  readonly open: Set<Open>;
}

/** One client: `Commands` as the real one keeps them, over a machine in the same process. */
export class FakeCommands implements Commands {
  readonly #cluster: FakeCluster;
  #session: FakeSession | null = null;
  #state: SessionState = 'opening';
  readonly #listeners = new Map<ResourceId, Set<ResourceListener>>();
  /** What was submitted, in order: `openResource NAME` or `RESOURCE.OPERATION`. */
  readonly submitted: string[] = [];
  /** Sessions that were lost. */
  lostCount = 0;
  #isClosed = false;
  /** While true nothing arrives at the cluster. */
  isCut = false;
  readonly #held: (() => void)[] = [];

  constructor(cluster: FakeCluster) {
    this.#cluster = cluster;
  }

  /** What the clock says of the session before anybody is told; null: nothing. */
  stateByClock: SessionState | null = null;

  get state(): SessionState {
    return this.stateByClock ?? this.#state;
  }
  get openCalls(): number {
    return this.#session?.open.size ?? 0;
  }
  get session(): SessionId {
    return this.#session?.id ?? 0;
  }
  get isCertain(): boolean {
    return !this.isDoubted && (this.state === 'open' || this.state === 'suspended');
  }
  /** Answers to queries come so much later than they were made, whatever comes meanwhile. */
  answersLateMs = 0;
  /** They come before events on their way, unless they must not. */
  isOvertaking = false;
  /** The cluster may have ended the session, for all that this client knows. */
  isDoubted = false;
  doubt(isDoubted: boolean): void {
    this.isDoubted = isDoubted;
    if (isDoubted) this.#tell((listener) => listener.sessionDoubted?.(new QuorateError('sessionExpired', 'no contact for the grace')));
  }
  get listenerCount(): number {
    return [...this.#listeners.values()].reduce((sum, { size }) => sum + size, 0);
  }

  openResource(type: string, version: number, name: string, options: CallTime, done: Done<ResourceId>): PendingCall {
    this.submitted.push(`openResource ${name}`);
    return this.#command(0, MACHINE_OPERATION.openResource, encodeOpenResource(type, version, name), options, (error, result) =>
      done(error, result === null ? null : decodeOpenedResource(result.result)),
    );
  }

  submit(resource: ResourceId, operation: number, args: Uint8Array, options: CallTime, done: Done<CommandResult>): PendingCall {
    this.submitted.push(`${resource}.${operation}`);
    return this.#command(resource, operation, args, options, done);
  }

  query(resource: ResourceId, operation: number, args: Uint8Array, options: QueryOptions, done: Done<Uint8Array>): PendingCall {
    this.submitted.push(`?${resource}.${operation}`);
    const session = this.#begin();
    const open = this.#call(session, options, (error, result) => done(error, result?.result ?? null));
    const sent = args.slice();
    this.#toCluster(session, () => {
      let answer: () => void;
      try {
        const result = this.#cluster.machine.query({ session: session.id, resource, operation, args: sent });
        answer = () => this.#settle(session, open, null, { index: 0, result: result.slice() });
      } catch (thrown) {
        answer = () => this.#settle(session, open, copyOf(thrown as QuorateError), null);
      }
      if (this.answersLateMs > 0) this.#cluster.time.set(this.answersLateMs, answer);
      else if (options.isAfterEvents !== true && this.isOvertaking) this.#cluster.time.set(1, answer);
      else this.#toClient(session, answer);
    });
    return { cancel: () => this.#settle(session, open, new QuorateError('cancelled', 'cancelled'), null) };
  }

  listen(resource: ResourceId, listener: ResourceListener): () => void {
    let all = this.#listeners.get(resource);
    if (all === undefined) this.#listeners.set(resource, (all = new Set()));
    all.add(listener);
    return () => void all.delete(listener);
  }

  /** The client takes its session for lost; the cluster ends it `afterMs` later. What is on its way may still be applied until then. */
  lose(afterMs = 0): void {
    const session = this.#session;
    if (session === null || session.id === 0) return;
    this.lostCount++;
    this.#end(session, 'expired', new QuorateError('sessionExpired', 'no contact', { session: session.id }));
    this.#cluster.time.set(afterMs, () => this.#cluster.expire(session.id));
  }

  close(): void {
    this.#isClosed = true;
    const session = this.#session;
    if (session === null) this.#state = 'closed';
    else this.#end(session, 'closed', new QuorateError('closed', 'this client is closed'));
    if (session !== null && session.id !== 0) this.#cluster.expire(session.id);
  }

  /** Whether anything reaches the cluster. */
  cut(isCut: boolean): void {
    this.isCut = isCut;
    if (!isCut) for (const send of this.#held.splice(0)) send();
  }

  published(batch: EventBatch): void {
    const session = this.#session;
    if (session === null || session.id !== batch.session) return;
    const events = batch.events.map(({ resource, code, fields }) => ({ resource, code, fields: fields.slice() }));
    this.#pending.push({ session, deliver: () => events.forEach((event) => this.#event(batch.index, event)) });
    this.#afterReply();
  }

  // Events are published while their command is applied, so its reply goes first (rule 18).
  readonly #pending: { session: FakeSession; deliver: () => void }[] = [];
  #isApplying = false;
  #afterReply(): void {
    if (this.#isApplying) return;
    for (const { session, deliver } of this.#pending.splice(0)) this.#toClient(session, deliver);
  }

  #command(resource: ResourceId, operation: number, args: Uint8Array, options: CallTime, done: Done<CommandResult>): PendingCall {
    const session = this.#begin();
    const open = this.#call(session, options, done);
    const sent = args.slice();
    const number = session.nextNumber++;
    this.#toCluster(session, () => {
      const payload = encodeCommands({
        session: session.id,
        firstNumber: number,
        acknowledgedReplies: number - 1,
        acknowledgedEvents: 0,
        commands: [{ resource, operation, args: sent }],
      });
      this.#isApplying = true;
      const outcome = this.#cluster.apply(payload);
      this.#isApplying = false;
      if (outcome.type === 'replies') {
        const [reply] = outcome.replies;
        assert.ok(reply !== undefined);
        this.#toClient(session, () => {
          if (reply.isOk) this.#settle(session, open, null, { index: reply.index, result: reply.result.slice() });
          else this.#settle(session, open, new QuorateError(reply.code, reply.message, reply.details), null);
        });
      } else {
        assert.ok(outcome.type === 'refused' && outcome.code === 'sessionExpired', JSON.stringify(outcome));
      }
      this.#afterReply();
    });
    return { cancel: () => this.#settle(session, open, new QuorateError('aborted', 'aborted; it may have happened'), null) };
  }

  #begin(): FakeSession {
    if (this.#session !== null) return this.#session;
    const session: FakeSession = { id: 0, nextNumber: 1, isLost: false, sentMs: 0, receivedMs: 0, open: new Set() };
    if (this.#isClosed) return session;
    this.#session = session;
    this.#toCluster(session, () => {
      session.id = this.#cluster.openSession(this);
      this.#toClient(session, () => {
        this.#state = 'open';
        this.#tell((listener) => listener.stateChanged('open'));
      });
    });
    return session;
  }

  #call(session: FakeSession, options: CallTime, done: Done<CommandResult>): Open {
    let count = 0;
    const open: Open = {
      done: (error, result) => {
        assert.equal(++count, 1, 'settled twice');
        done(error, result);
      },
    };
    session.open.add(open);
    const { deadlineMs = 5000 } = options;
    if (this.#isClosed) {
      this.#cluster.time.defer(() => this.#settle(session, open, new QuorateError('closed', 'this client is closed'), null));
    } else if (deadlineMs !== Number.POSITIVE_INFINITY) {
      this.#cluster.time.set(deadlineMs, () =>
        this.#settle(session, open, new QuorateError('deadlineExceeded', `after ${deadlineMs} ms`), null),
      );
    }
    return open;
  }

  #settle(session: FakeSession, open: Open, error: QuorateError | null, result: CommandResult | null): void {
    const { done } = open;
    if (done === null) return;
    open.done = null;
    session.open.delete(open);
    done(error, result);
  }

  #end(session: FakeSession, state: 'expired' | 'closed', error: QuorateError): void {
    session.isLost = true;
    this.#session = null;
    this.#state = state;
    if (session.id !== 0) {
      this.#tell((listener) => listener.sessionLost(error));
      this.#tell((listener) => listener.stateChanged(state));
    }
    for (const open of [...session.open]) this.#settle(session, open, error, null);
  }

  #event(index: LogIndex, { resource, code, fields }: { resource: ResourceId; code: number; fields: Uint8Array }): void {
    for (const listener of [...(this.#listeners.get(resource) ?? [])]) {
      const lent = fields.slice();
      listener.event(code, index, lent);
      // Rule 25: they were only lent.
      lent.fill(0xee);
    }
  }

  #tell(tell: (listener: ResourceListener) => void): void {
    for (const all of [...this.#listeners.values()]) for (const listener of [...all]) tell(listener);
  }

  #toCluster(session: FakeSession, arrive: () => void): void {
    if (this.#isClosed) return;
    if (this.isCut) {
      this.#held.push(() => this.#toCluster(session, arrive));
      return;
    }
    const { time } = this.#cluster;
    session.sentMs = Math.max(session.sentMs, time.nowMs() + this.#cluster.delayMs());
    time.set(session.sentMs - time.nowMs(), arrive);
  }

  #toClient(session: FakeSession, arrive: () => void): void {
    const { time } = this.#cluster;
    session.receivedMs = Math.max(session.receivedMs, time.nowMs() + this.#cluster.delayMs());
    time.set(session.receivedMs - time.nowMs(), () => {
      if (!session.isLost) arrive();
    });
  }
}

function copyOf(error: QuorateError): QuorateError {
  return new QuorateError(error.code, error.message, error.details);
}

/** The code that a promise is rejected with. */
export async function codeOf(promise: PromiseLike<unknown>): Promise<string> {
  try {
    const value = await promise;
    return `resolved: ${JSON.stringify(value)}`;
  } catch (thrown) {
    assert.ok(thrown instanceof QuorateError, String(thrown));
    return thrown.code;
  }
}
