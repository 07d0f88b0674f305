import { QuorateError } from '@quorate/base';

/** The fault of bytes that are not what they should be. */
export function malformed(what: string): QuorateError {
  return new QuorateError('malformedFrame', what);
}

/** The fault of a payload of a type or with a flag that only a newer version knows. */
export function payloadUnsupported(payload: Uint8Array): QuorateError {
  const [type, flags] = payload;
  return new QuorateError('formatUnsupported', `payload of type ${type}, flags ${flags}: written by a newer version`, { type, flags });
}

/** The text of whatever was thrown. */
export function textOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
