import type { ResourceDeclaration } from './resource-definition.js';
import type { HeldState } from './resource-machine.js';

// Handlers are written against the exact types of one declaration. A node holds many kinds of resources, so here those types are left open;
// `declareResource` and the codec of each operation stand for them at run time.
type OpenHandler = (call: never, args: never) => unknown;

/** A kind of resource whose declaration is not known to the compiler: what a node keeps a list of. Every `ResourceType` is one. */
export interface AnyResourceType {
  readonly declaration: ResourceDeclaration;
  readonly machine: {
    readonly commands: Readonly<Record<string, OpenHandler>>;
    readonly queries: Readonly<Record<string, OpenHandler>>;
    hold?(call: never): HeldState;
    sessionEnded?(call: never, session: number): void;
    timer?(call: never, id: Uint8Array): void;
    holds?(call: never, token: never): boolean;
  };
}
