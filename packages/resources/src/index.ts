export type { Builtin, ResourceSource } from './builtin.js';
export { BUILTINS, BUILTIN_TYPES, type BuiltinMethods } from './builtin-types.js';
export { COUNTER, type CounterDeclaration } from './counter/counter-declaration.js';
export { counterType } from './counter/counter-machine.js';
export { ELECTION, type ElectionDeclaration } from './election/election-declaration.js';
export { electionType } from './election/election-machine.js';
export { LOCK, type LockDeclaration } from './lock/lock-declaration.js';
export { lockType } from './lock/lock-machine.js';
export { MAP, type MapDeclaration } from './map/map-declaration.js';
export { mapType } from './map/map-machine.js';
export { RESOURCE_LIMITS } from './resource-limits.js';
export { ResourceMethods } from './resource-methods.js';
export { Resources } from './resources.js';
export { TypedResource } from './typed-resource.js';
export { ResourceClient, type ResourceClientOptions } from './client/resource-client.js';
export type { CommandTime, HandleListener, QueryTime, ResourceHandle } from './client/resource-handle.js';
export { CLIENT_LIMITS } from './client/client-limits.js';
export { type CodecOptions, type ValueCodec, bytes, invalidValue, kindOf, loneSurrogateIn, text } from './codecs/value-codec.js';
export { json } from './codecs/json-codec.js';
export { type SchemaIssue, type SchemaResult, type StandardSchema, validated } from './codecs/standard-schema.js';
export { type CallOptions, type QueryOptions, type WriteOptions, timeOf, writeTimeOf } from './promises/call-options.js';
export { Held } from './promises/held.js';
export { promiseOf, throwIfAborted } from './promises/pending-promise.js';
export { ReadTurns, TurnReader } from './promises/turn-reader.js';
export { Counter } from './counter/counter.js';
export { Holding } from './client/claims.js';
export { claimLock, releaseLock } from './lock/lock-claims.js';
export { standForElection, stepDown } from './election/election-claims.js';
export { LeaderObservers, type LeaderObserver, type LeaderRecord } from './election/leader-observers.js';
export { type ChangeRecord, type WatchObserver, type WatchRange, WatchSubscription } from './map/watch-subscription.js';
export { type AcquireOptions, HeldLock, Lock, type LockHolder } from './lock/lock.js';
export { Election, type Leader, Leadership } from './election/election.js';
export {
  type KeyedMapEntry,
  type MapEntry,
  type MapEvent,
  type MapRangeOptions,
  type MapRemoveOptions,
  type MapSetOptions,
  type MapSetResult,
  type MapWatchOptions,
  ReplicatedMap,
} from './map/replicated-map.js';
export { describeResource, fieldText, fieldsText } from './describe-resource.js';
