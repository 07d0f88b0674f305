import type { AnyResourceType } from '@quorate/machine';
import type { Builtin } from './builtin.js';
import { type CounterMethod, counterBuiltin } from './counter/counter-builtin.js';
import { type ElectionMethod, electionBuiltin } from './election/election-builtin.js';
import { type LockMethod, lockBuiltin } from './lock/lock-builtin.js';
import { type MapMethod, mapBuiltin } from './map/map-builtin.js';

/** The methods of clients that give resources by name, one for each kind that comes with Quorate. */
export interface BuiltinMethods extends CounterMethod, ElectionMethod, LockMethod, MapMethod {}

/** The kinds of resources that come with Quorate, by those methods, in order of their names. */
export const BUILTINS: { readonly [M in keyof BuiltinMethods]: Builtin<BuiltinMethods[M]> } = {
  counter: counterBuiltin,
  election: electionBuiltin,
  lock: lockBuiltin,
  map: mapBuiltin,
};

/** What nodes are given of them: the kinds of resources that come with Quorate. */
export const BUILTIN_TYPES: readonly AnyResourceType[] = Object.values(BUILTINS).map(({ type }) => type);
