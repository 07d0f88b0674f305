export * from './client-codec.js';
export { fromWireError, toWireError } from './fields.js';
export * from './frame-connection.js';
export * from './frame-decoder.js';
export * from './frame-handlers.js';
export * from './frame-types.js';
export * from './handshake.js';
export * from './hello.js';
export * from './messages.js';
export * from './outgoing-frames.js';
export * from './peer-codec.js';
export * from './preface.js';
export {
  QUERY_HEADER_BYTES,
  QueryList,
  QueryResultList,
  beginQueryResult,
  endQueryResult,
  writeQuery,
  writeQueryError,
  writeQueryResult,
} from './query-list.js';
export * from './records.js';
export { SESSION_KEY_BYTES, decodePush, encodePush, isPush } from './session-codec.js';
export * from './session-messages.js';
export * from './wire-limits.js';
