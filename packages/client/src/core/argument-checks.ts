import { type Address, LIMITS, QuorateError, formatAddress, parseAddress, shownValue, utf8 } from '@quorate/base';

/** The text form of an address that a client can dial; otherwise `addressInvalid`. */
export function checkAddress(address: Address): string {
  return formatAddress(parseAddress(formatAddress(address)));
}

/** A number above 0 (Infinity is allowed); otherwise `invalidArgument`. */
export function checkDuration(name: string, value: number): number {
  if (typeof value !== 'number' || !(value > 0)) {
    throw new QuorateError('invalidArgument', `${name} must be a number above 0, not ${shownValue(value)}`, { name });
  }
  return value;
}

/** At most as many bytes as a name may have; otherwise `nameInvalid`. */
export function checkNameBytes(name: string, text: string): void {
  const bytes = utf8(text).length;
  if (bytes > LIMITS.nameBytesMax)
    throw new QuorateError('nameInvalid', `${name} has ${bytes} bytes, names have at most ${LIMITS.nameBytesMax}`, { bytes });
}

/** A whole number within bounds; otherwise `invalidArgument`. */
export function checkWhole(name: string, value: number, min: number, max: number): void {
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw new QuorateError('invalidArgument', `${name} must be a whole number from ${min} to ${max}, not ${shownValue(value)}`, { name });
  }
}
