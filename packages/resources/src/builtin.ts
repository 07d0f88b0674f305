import type { AnyResourceType, ResourceDeclaration } from '@quorate/machine';
import type { TypedResource } from './typed-resource.js';

/** What faces are made from: resources of any kind by name. */
export interface ResourceSource {
  resource<D extends ResourceDeclaration>(declaration: D, name: string): TypedResource<D>;
}

/** A kind of resource that comes with Quorate. `Open`: the method of clients that gives one by name. */
export interface Builtin<Open> {
  /** Declaration and machine: what nodes are given, and what the docs and `quorate call` are derived from. */
  readonly type: AnyResourceType;
  readonly open: (client: ResourceSource) => Open;
}
