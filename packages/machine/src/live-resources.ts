import { type CompiledType, resourceUnsupported } from './compiled-type.js';
import { HandlerCall, HandlerQuery, type LiveResource } from './handler-call.js';
import type { MachineState } from './machine-state.js';
import type { Fence, ResourceId } from './resource-machine.js';

// Resources in use are remembered as objects; when they are too many, all are forgotten and found again in the tables.
const REMEMBERED_MAX = 10_000;

/** Resources with their handlers, found by number. */
export class LiveResources {
  readonly #state: MachineState;
  readonly #remembered = new Map<ResourceId, LiveResource>();

  constructor(state: MachineState) {
    this.#state = state;
  }

  /** Undefined if there is no such resource. A kind that this node lacks stops the machine. */
  find(resource: ResourceId): LiveResource | undefined {
    const remembered = this.#remembered.get(resource);
    if (remembered !== undefined) return remembered;
    const info = this.#state.resources.get(resource);
    if (info === undefined) return undefined;
    const type = this.#state.resources.findType(info.type, info.version);
    if (type === undefined) throw this.#state.stop(resourceUnsupported(info.type, info.version));
    return this.#remember(resource, type);
  }

  /** Between batches: within one, what a resource holds would be forgotten with it. */
  trim(): void {
    if (this.#remembered.size > REMEMBERED_MAX) this.#remembered.clear();
  }

  #remember(resource: ResourceId, type: CompiledType): LiveResource {
    const live = { resource, type, call: new HandlerCall(this.#state, resource, type, (fence) => this.#isHeld(fence)) };
    this.#remembered.set(resource, live);
    return live;
  }

  #isHeld({ resource, token }: Fence): boolean {
    const machine = this.find(resource)?.type.machine;
    return machine?.holds?.(new HandlerQuery(this.#state, resource, this.#state.session), token) === true;
  }
}
