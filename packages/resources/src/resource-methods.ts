/* oxlint-disable typescript/no-unsafe-declaration-merging -- the loop at the end adds what the interface names */
import type { ResourceDeclaration } from '@quorate/machine';
import { BUILTINS, type BuiltinMethods } from './builtin-types.js';
import type { ResourceSource } from './builtin.js';
import type { TypedResource } from './typed-resource.js';

/** For classes that give resources of any kind: they have the methods of the kinds that come with Quorate, `map(name)` and so on. */
export abstract class ResourceMethods implements ResourceSource {
  /** A resource of a kind of your own, which the nodes must have too. */
  abstract resource<D extends ResourceDeclaration>(declaration: D, name: string): TypedResource<D>;
}
/** The methods of the kinds that come with Quorate. */
export interface ResourceMethods extends BuiltinMethods {}

for (const [name, { open }] of Object.entries(BUILTINS)) {
  const methods = {
    [name](this: ResourceSource, ...args: readonly never[]): unknown {
      return (open(this) as (...given: readonly never[]) => unknown)(...args);
    },
  };
  Object.defineProperty(ResourceMethods.prototype, name, { value: methods[name], writable: true, configurable: true });
}
