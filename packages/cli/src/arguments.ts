import { QuorateError, formatAddress, parseAddress } from '@quorate/base';
import type { Fence } from '@quorate/machine';
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

/** A whole number that may be negative, for commander. */
export function integer(text: string): number {
  const value = /^-?[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw new InvalidArgumentError('It must be a whole number from -(2^53 - 1) to 2^53 - 1.');
  return value === 0 ? 0 : value;
}

/** Longest duration that resources take: a hundred years. Equal to `RESOURCE_LIMITS.durationMsMax`, whose package loads only when a command runs. */
export const LONGEST_MS = 3_155_760_000_000;

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A duration with its unit (`500ms`, `10s`, `1.5m`, `2h`, `7d`) in ms, at least `leastMs` and at most `mostMs`, for commander. */
export function duration(leastMs: number, mostMs: number = LONGEST_MS): (text: string) => number {
  return (text) => {
    const [, amount, unit] = /^([0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|s|m|h|d)$/.exec(text) ?? [];
    if (amount === undefined) throw new InvalidArgumentError('It must be a duration with its unit, like 500ms, 10s, 2m, 1h or 7d.');
    const ms = Math.round(Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS]);
    if (ms < leastMs || ms > mostMs) {
      throw new InvalidArgumentError(ms < leastMs ? `It must be at least ${leastMs}ms.` : `It must be at most ${mostMs}ms.`);
    }
    return ms;
  };
}

/** A fence as `QUORATE_FENCE` holds it, for commander. */
export function fence(text: string): Fence {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    given = null;
  }
  const { group, resource, token } = (given ?? {}) as Partial<Fence>;
  const { epoch, index } = (token ?? {}) as Partial<Fence['token']>;
  if (![group, resource, epoch, index].every((part) => Number.isSafeInteger(part) && (part as number) >= 0))
    throw new InvalidArgumentError('It must be what QUORATE_FENCE holds: {"group":…,"resource":…,"token":{"epoch":…,"index":…}}.');
  return { group, resource, token: { epoch, index } } as Fence;
}

/** `HOST:PORT[,HOST:PORT…]`, for commander. */
export function addressList(text: string): readonly string[] {
  return text.split(',').map((part) => formatAddress(asArgument(() => parseAddress(part.trim()))));
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
