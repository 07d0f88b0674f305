import { QuorateError, utf8 } from '@quorate/base';

/** Faults in what the other side sent. */
const CODES: ReadonlySet<string> = new Set(['malformedFrame', 'frameTooLarge', 'protocolMismatch', 'versionUnsupported']);

/** True if what was thrown says that the other side broke the protocol: its connection ends, nothing else. */
export function isProtocolFault(thrown: unknown): thrown is QuorateError {
  return thrown instanceof QuorateError && CODES.has(thrown.code);
}

/** For the person who pointed a browser at the port. */
export function httpAnswer(message: string): Uint8Array {
  const text = utf8(`${message}\n`);
  const head = `HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${text.length}\r\nConnection: close\r\n\r\n`;
  return utf8(head + `${message}\n`);
}
