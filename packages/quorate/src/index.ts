export { type ErrorCode, ERROR_CODES, type ErrorDetails, QuorateError, type RetryClass } from '@quorate/base';
export type { ClusterId, GroupId, Incarnation, LogLevel, Logger, NodeId, Offset } from '@quorate/base';
export type { AppendResult, Stream, StreamCallOptions, StreamReadOptions, StreamTailOptions, Value } from '@quorate/client';
export { QuorateClient } from '@quorate/client';
export { type ConnectOptions, Quorate, type StreamEntry, type StreamInfo, type StreamRecord, type NodeStatus } from './quorate.js';
