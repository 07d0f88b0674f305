export { type ErrorCode, ERROR_CODES, type ErrorDetails, QuorateError, type RetryClass } from '@quorate/base';
export type { ClusterId, GroupId, Incarnation, LogLevel, Logger, NodeId, Offset } from '@quorate/base';
export type {
  AppendResult,
  SessionStateListener,
  SessionStateSubscription,
  Stream,
  StreamCallOptions,
  StreamReadOptions,
  StreamTailOptions,
  Value,
} from '@quorate/client';
export { QuorateClient } from '@quorate/client';
export {
  type ConnectOptions,
  Quorate,
  type StartOptions,
  type StreamEntry,
  type StreamInfo,
  type StreamRecord,
  type NodeStatus,
} from './quorate.js';
export * as fields from './fields.js';
export type { ApplyCall, Fence, QueryCall, ResourceDeclaration, ResourceMachine, SessionState, Token } from '@quorate/machine';
export { declareResource, resourceType } from '@quorate/machine';
export {
  type AcquireOptions,
  BUILTIN_TYPES,
  type CallOptions,
  type CodecOptions,
  Counter,
  Election,
  HeldLock,
  type KeyedMapEntry,
  type Leader,
  Leadership,
  Lock,
  type LockHolder,
  type MapEntry,
  type MapEvent,
  type MapRangeOptions,
  type MapRemoveOptions,
  type MapSetOptions,
  type MapSetResult,
  type MapWatchOptions,
  type QueryOptions,
  ReplicatedMap,
  Resources,
  type StandardSchema,
  TypedResource,
  type ValueCodec,
  type WriteOptions,
  bytes,
  json,
  text,
  validated,
} from '@quorate/resources';
