import { type Address, QuorateError, formatAddress, parseAddress } from '@quorate/base';
import { InvalidArgumentError } from 'commander';

/** Where a command connects by default. */
export const DEFAULT_CONNECT = '127.0.0.1:7400';

/** A whole number within bounds, for commander: its error names the flag. */
export function wholeNumber(least: number, most: number = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most)) {
      throw new InvalidArgumentError(
        most === Number.MAX_SAFE_INTEGER
          ? `It must be a whole number from ${least} on.`
          : `It must be a whole number from ${least} to ${most}.`,
      );
    }
    return value;
  };
}

/** A number of seconds, fractions allowed, above 0. */
export function seconds(text: string): number {
  const value = /^[0-9]{1,6}(\.[0-9]{1,3})?$/.test(text) ? Number(text) : 0;
  if (value <= 0) throw new InvalidArgumentError('It must be a number of seconds above 0.');
  return value;
}

/** `HOST:PORT[,HOST:PORT…]`, for commander. */
export function addressList(text: string): readonly string[] {
  return text.split(',').map((part) => formatAddress(asArgument(() => parseAddress(part.trim()))));
}

/** `HOST:PORT`, for commander. */
export function oneAddress(text: string): Address {
  return asArgument(() => parseAddress(text));
}

/** Runs a parser of `base` so that its refusal becomes commander's, which names the flag. */
export function asArgument<T>(parse: () => T): T {
  try {
    return parse();
  } catch (thrown) {
    if (thrown instanceof QuorateError) throw new InvalidArgumentError(`${thrown.message}.`);
    throw thrown;
  }
}
