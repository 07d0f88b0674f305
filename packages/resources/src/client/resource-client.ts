import { type Clock, type GroupId, type Logger, QuorateError, SILENT_LOGGER, type Timers } from '@quorate/base';
import type { Commands, ResourceDeclaration, SessionState } from '@quorate/machine';
import { CLIENT_LIMITS } from './client-limits.js';
import { ArgumentEncoder } from './argument-encoder.js';
import { CommandGate } from './command-gate.js';
import { ResourceHandle } from './resource-handle.js';
import { Rounds } from './rounds.js';

/** What a client of resources needs of its surroundings. */
export interface ResourceClientOptions {
  /** The group that the resources live in; it stands in fences. */
  readonly group: GroupId;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger?: Logger;
  /** Time that calls have by default, in ms: that of `Commands`. Default 5000. */
  readonly deadlineMs?: number;
}

/** What handles and faces share. */
export interface ClientContext {
  readonly commands: Commands;
  readonly gate: CommandGate;
  readonly group: GroupId;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly deadlineMs: number;
  readonly encoder: ArgumentEncoder;
  /** What watches are told from time to time, see `WatchProgress`. */
  readonly progressRounds: Rounds;
  /** Runs a callback of a user: what it throws is logged. */
  guarded(what: string, callback: () => void): void;
}

/** The resources of one session after another: one for each `Commands`. Callbacks, no promises; `Resources` is the face with promises. */
export class ResourceClient {
  readonly context: ClientContext;
  readonly #handles = new Map<string, ResourceHandle>();

  /** `Commands` must be used through this client only, so that the order of calls holds across resources. */
  constructor(commands: Commands, options: ResourceClientOptions) {
    const { group, clock, timers, logger = SILENT_LOGGER, deadlineMs = 5000 } = options;
    const gate = new CommandGate(commands, { clock, timers });
    const guarded = (what: string, callback: () => void): void => {
      try {
        callback();
      } catch (thrown) {
        logger.log('error', 'callbackThrew', { what, error: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown) });
      }
    };
    const encoder = new ArgumentEncoder();
    const progressRounds = new Rounds(timers, { periodMs: CLIENT_LIMITS.progressMs, stepMs: CLIENT_LIMITS.progressStepMs });
    this.context = { commands, gate, group, clock, timers, logger, deadlineMs, encoder, progressRounds, guarded };
  }

  /** State of the session. */
  get state(): SessionState {
    return this.context.commands.state;
  }

  /**
   * The resource of that name: the same object each time. Asks nothing yet. Throws `kindMismatch` if this client uses the name for another
   * type or version, `invalidArgument` if the name is no text, `overloaded` beyond a million names.
   */
  handle<D extends ResourceDeclaration>(declaration: D, name: string): ResourceHandle<D> {
    if (typeof name !== 'string') throw new QuorateError('invalidArgument', `a name must be a text, not ${typeof name}`, { path: 'name' });
    const known = this.#handles.get(name);
    if (known !== undefined) {
      const { type, version } = known.declaration;
      if (type === declaration.type && version === declaration.version) return known as unknown as ResourceHandle<D>;
      // What this client took a name for is nothing to go by if the cluster knows better.
      if (!known.isRefused) {
        throw new QuorateError('kindMismatch', `"${name}" is a ${type} of version ${version}, not a ${declaration.type}`, {
          name,
          type,
          version,
          expected: declaration.type,
        });
      }
    } else if (this.#handles.size >= CLIENT_LIMITS.handlesMax) {
      throw new QuorateError('overloaded', `${CLIENT_LIMITS.handlesMax} names are in use`, { max: CLIENT_LIMITS.handlesMax });
    }
    const handle = new ResourceHandle(this.context, declaration, name);
    this.#handles.set(name, handle);
    return handle;
  }
}
