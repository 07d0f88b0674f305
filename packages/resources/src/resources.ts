import type { Commands, ResourceDeclaration, SessionState } from '@quorate/machine';
import { ResourceClient, type ResourceClientOptions } from './client/resource-client.js';
import { ResourceMethods } from './resource-methods.js';
import { TypedResource } from './typed-resource.js';

/**
 * Maps, counters, locks, elections and resources of your own, by name. A name is created by its first call and belongs to one kind for good.
 * Making a face costs nothing and asks nothing. All share one session: calls take effect in the order in which they were made, across
 * resources; and when the session is lost, everything held in it is.
 *
 * Each method throws `kindMismatch` if this client uses the name for another kind, and `invalidArgument` if the name is no text. A name that is
 * not allowed (`nameInvalid`) or of another kind in the cluster (`kindMismatch`) is told by the first call.
 */
export class Resources extends ResourceMethods {
  /** The same without promises. */
  readonly client: ResourceClient;

  /** One for each `Commands`, which nobody else may use. */
  constructor(commands: Commands, options: ResourceClientOptions) {
    super();
    this.client = new ResourceClient(commands, options);
  }

  /** State of the session that all share. */
  get state(): SessionState {
    return this.client.state;
  }

  /** A resource of a kind of your own, which the nodes must have too. */
  override resource<D extends ResourceDeclaration>(declaration: D, name: string): TypedResource<D> {
    return new TypedResource(this.client.handle(declaration, name));
  }
}
