import type { Commands, ResourceDeclaration, SessionState } from '@quorate/machine';
import { ResourceClient, type ResourceClientOptions } from './client/resource-client.js';
import { json } from './codecs/json-codec.js';
import type { ValueCodec } from './codecs/value-codec.js';
import { COUNTER } from './counter/counter-declaration.js';
import { Counter } from './counter/counter.js';
import { ELECTION } from './election/election-declaration.js';
import { Election } from './election/election.js';
import { LOCK } from './lock/lock-declaration.js';
import { Lock } from './lock/lock.js';
import { MAP } from './map/map-declaration.js';
import { ReplicatedMap } from './map/replicated-map.js';
import { TypedResource } from './typed-resource.js';

/** How values become bytes; default JSON. */
export interface CodecOptions<T> {
  readonly codec?: ValueCodec<T>;
}

/**
 * Maps, counters, locks, elections and resources of your own, by name. A name is created by its first call and belongs to one kind for good.
 * Making a face costs nothing and asks nothing. All share one session: calls take effect in the order in which they were made, across
 * resources; and when the session is lost, everything held in it is.
 *
 * Each method throws `kindMismatch` if this client uses the name for another kind, and `invalidArgument` if the name is no text. A name that is
 * not allowed (`nameInvalid`) or of another kind in the cluster (`kindMismatch`) is told by the first call.
 */
export class Resources {
  /** The same without promises. */
  readonly client: ResourceClient;

  /** One for each `Commands`, which nobody else may use. */
  constructor(commands: Commands, options: ResourceClientOptions) {
    this.client = new ResourceClient(commands, options);
  }

  /** State of the session that all share. */
  get state(): SessionState {
    return this.client.state;
  }

  map<T = unknown>(name: string, options: CodecOptions<T> = {}): ReplicatedMap<T> {
    return new ReplicatedMap<T>(this.client.handle(MAP, name), options.codec ?? json<T>());
  }

  counter(name: string): Counter {
    return new Counter(this.client.handle(COUNTER, name));
  }

  lock(name: string): Lock {
    return new Lock(this.client.handle(LOCK, name));
  }

  /** `codec`: of what candidates say of themselves. */
  election<T = unknown>(name: string, options: CodecOptions<T> = {}): Election<T> {
    return new Election<T>(this.client.handle(ELECTION, name), options.codec ?? json<T>());
  }

  /** A resource of a kind of your own, which the nodes must have too. */
  resource<D extends ResourceDeclaration>(declaration: D, name: string): TypedResource<D> {
    return new TypedResource(this.client.handle(declaration, name));
  }
}
