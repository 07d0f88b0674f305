// Options of `npm run bench` and `npm run bench:peers`.
import { parseArgs } from 'node:util';

/** The command was called wrongly: exit code 2. */
export class UsageError extends Error {
  name = 'UsageError';
}

/**
 * Parses arguments. `spec`: by name `{ default, parse, help }`; without `parse` it is a flag. Gives `{ values, positionals }`; throws `UsageError`
 * that names the option.
 */
export function parseOptions(argv, spec) {
  const options = Object.fromEntries(
    Object.entries(spec).map(([name, { parse }]) => [name, { type: parse === undefined ? 'boolean' : 'string' }]),
  );
  let given;
  try {
    given = parseArgs({ args: argv, options, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error.message.split('\n')[0]);
  }
  const values = {};
  for (const [name, { default: fallback = false, parse }] of Object.entries(spec)) {
    const text = given.values[name];
    values[name] = text === undefined ? fallback : parse === undefined ? text : parse(text, `--${name}`);
  }
  return { values, positionals: given.positionals };
}

/** A whole number within bounds. */
export function whole(least, most = 1_000_000) {
  return (text, name) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most))
      throw new UsageError(`${name}: it must be a whole number from ${least} to ${most}, not "${text}"`);
    return value;
  };
}

/** A number of seconds, fractions allowed, above 0. */
export function seconds(text, name) {
  const value = /^\d{1,6}(\.\d{1,3})?$/.test(text) ? Number(text) : 0;
  if (value <= 0) throw new UsageError(`${name}: it must be a number of seconds above 0, not "${text}"`);
  return value;
}

/** Names of a list, all of it if none is given. */
export function chosen(names, all, what) {
  const unknown = names.find((name) => !all.includes(name));
  if (unknown !== undefined) throw new UsageError(`there is no ${what} "${unknown}"; there are: ${all.join(', ')}`);
  return names.length === 0 ? all : all.filter((name) => names.includes(name));
}

/** The text of `--help`. */
export function helpText(usage, spec) {
  const rows = Object.entries(spec).map(([name, { default: fallback, help }]) => {
    const given = fallback === undefined || fallback === false ? '' : ` (default ${fallback})`;
    return `  --${name.padEnd(12)} ${help}${given}`;
  });
  return `${usage}\n\n${rows.join('\n')}\n`;
}
