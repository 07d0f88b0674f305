import type { AnyResourceType } from '@quorate/machine';
import { counterType } from './counter/counter-machine.js';
import { electionType } from './election/election-machine.js';
import { lockType } from './lock/lock-machine.js';
import { mapType } from './map/map-machine.js';

/** The kinds of resources that come with Quorate, in order of their names. */
export const BUILTIN_TYPES: readonly AnyResourceType[] = [counterType, electionType, lockType, mapType];
