import { QuorateError } from '@quorate/base';

/** Where a configuration may come from. */
export interface ConfigSources {
  /** Flags without their dashes: `{ node: '1', data: 'DIR' }`; undefined: not given. */
  readonly flags: Readonly<Record<string, string | undefined>>;
  /** The environment; only `QUORATE_*` is looked at, and unknown ones are left alone (orchestrators inject their own). */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Reads a text file; throws what the file system says. */
  readonly readFile: (path: string) => string;
}

/** Keys that may be given as flag, variable and in the file. */
export const CONFIG_KEYS = ['node', 'data', 'listen', 'advertise', 'members', 'cluster', 'log-level'] as const;
/** One of `CONFIG_KEYS`. */
export type ConfigKey = (typeof CONFIG_KEYS)[number];

/** `log-level` → `QUORATE_LOG_LEVEL`. */
export function variableOf(key: string): string {
  return `QUORATE_${key.toUpperCase().replaceAll('-', '_')}`;
}

/** `log-level` → `logLevel`, as it stands in the file. */
function fileKeyOf(key: ConfigKey): string {
  return key.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** Each value with the place it came from, so that an error can name it. */
export class ConfigValues {
  /** The parsed configuration file; empty without one. */
  readonly file: Readonly<Record<string, unknown>>;
  readonly fileName: string;
  readonly #found = new Map<ConfigKey, { readonly text: string; readonly source: string }>();

  private constructor(file: Readonly<Record<string, unknown>>, fileName: string) {
    this.file = file;
    this.fileName = fileName;
  }

  static load(sources: ConfigSources): ConfigValues {
    const [path, pathSource] = configPath(sources);
    const values = new ConfigValues(
      path === undefined ? {} : readConfigFile(path, pathSource, sources.readFile),
      path ?? 'configuration file',
    );
    for (const key of CONFIG_KEYS) values.#find(key, sources);
    return values;
  }

  #find(key: ConfigKey, { flags, environment }: ConfigSources): void {
    const flag = flags[key];
    const variable = environment[variableOf(key)];
    const inFile = this.file[fileKeyOf(key)];
    if (flag !== undefined) this.#found.set(key, { text: flag, source: `--${key}` });
    else if (variable !== undefined && variable !== '') this.#found.set(key, { text: variable, source: variableOf(key) });
    else if (inFile !== undefined) {
      const source = `${this.fileName}: ${fileKeyOf(key)}`;
      this.#found.set(key, { text: fileText(key, inFile, source), source });
    }
  }

  /** The flag, variable or file and key that gave a value; undefined: none did. */
  sourceOf(key: ConfigKey): string | undefined {
    return this.#found.get(key)?.source;
  }

  /** The parsed value; undefined: not given. A parser's error gets the source in front. */
  optional<T>(key: ConfigKey, parse: (text: string) => T): T | undefined {
    const found = this.#found.get(key);
    if (found === undefined) return undefined;
    try {
      return parse(found.text);
    } catch (thrown) {
      if (!(thrown instanceof QuorateError)) throw thrown;
      throw new QuorateError(thrown.code, `${found.source}: ${thrown.message}`, { ...thrown.details, source: found.source });
    }
  }

  required<T>(key: ConfigKey, parse: (text: string) => T): T {
    const value = this.optional(key, parse);
    if (value !== undefined) return value;
    const flag = `--${key}`;
    throw new QuorateError(
      'invalidArgument',
      `${flag} is missing (or ${variableOf(key)}, or "${fileKeyOf(key)}" in the configuration file)`,
      { source: flag },
    );
  }
}

function configPath({ flags, environment }: ConfigSources): [path: string | undefined, source: string] {
  if (flags['config'] !== undefined) return [flags['config'], '--config'];
  const variable = environment[variableOf('config')];
  return [variable === '' ? undefined : variable, variableOf('config')];
}

function readConfigFile(path: string, source: string, readFile: (path: string) => string): Readonly<Record<string, unknown>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFile(path));
  } catch (cause) {
    const reason =
      cause instanceof SyntaxError
        ? `is not JSON: ${cause.message}`
        : `cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new QuorateError('invalidArgument', `${source}: ${path} ${reason}`, { source }, { cause });
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new QuorateError('invalidArgument', `${source}: ${path} must hold a JSON object`, { source });
  }
  const known = new Set<string>([...CONFIG_KEYS.map(fileKeyOf), 'settings']);
  const unknown = Object.keys(parsed).find((key) => !known.has(key));
  if (unknown !== undefined) {
    throw new QuorateError('invalidArgument', `${path}: there is no "${unknown}" to set; known are ${[...known].join(', ')}`, {
      source: `${path}: ${unknown}`,
    });
  }
  return parsed as Record<string, unknown>;
}

/** A value of the file as the text that a flag would have; members may be written as an object `{ "1": "HOST:PORT" }`. */
function fileText(key: ConfigKey, value: unknown, source: string): string {
  if (typeof value === 'string') return value;
  if (key === 'node' && typeof value === 'number') return String(value);
  if (key === 'members' && typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return Object.entries(value)
      .map(([node, address]) => {
        if (typeof address !== 'string')
          throw new QuorateError('invalidArgument', `${source}: the address of member "${node}" must be a text`, { source });
        return `${node}=${address}`;
      })
      .join(',');
  }
  const wanted = key === 'node' ? 'a number' : key === 'members' ? 'a text or an object { "1": "HOST:PORT" }' : 'a text';
  throw new QuorateError('invalidArgument', `${source}: must be ${wanted}`, { source });
}
