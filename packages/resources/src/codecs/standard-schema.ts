import { type ValueCodec, invalidValue } from './value-codec.js';

/** One thing that is wrong with a value (Standard Schema 1). */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined;
}

/** Outcome of a validation (Standard Schema 1): a value, or issues. */
export type SchemaResult<T> =
  | { readonly value: T; readonly issues?: undefined }
  | { readonly issues: ReadonlyArray<SchemaIssue>; readonly value?: unknown };

/** A validator of any library that follows Standard Schema 1, as Zod, Valibot and ArkType do. */
export interface StandardSchema<T> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<T> | PromiseLike<SchemaResult<T>>;
    readonly types?: { readonly input: unknown; readonly output: T } | undefined;
  };
}

/**
 * Values that a validator accepts, both when they are stored and when they are read: what it gives (with defaults, say) is what is stored. One
 * that changes values must accept its own output. What it refuses is `valueInvalid` with `details.path` and the issues as cause; so is a
 * validator that answers later (asynchronous ones are not supported). Throws `invalidArgument`-like `valueInvalid` if `schema` is none.
 */
export function validated<T>(codec: ValueCodec<T>, schema: StandardSchema<T>): ValueCodec<T> {
  const standard = (schema as Partial<StandardSchema<T>> | null | undefined)?.['~standard'];
  if (standard?.version !== 1 || typeof standard.validate !== 'function') throw invalidValue('not a validator of Standard Schema 1');
  const validate = (value: unknown): T => {
    const result = standard.validate(value);
    if ('then' in result) {
      // Nobody waits for it; what it ends with is of no interest.
      result.then(
        () => {},
        () => {},
      );
      throw invalidValue(`the validator (${standard.vendor}) is asynchronous, which is not supported`);
    }
    if (result.issues !== undefined) throw refusedBy(result.issues);
    return result.value;
  };
  return {
    encode: (value) => codec.encode(validate(value)),
    decode: (encoded) => validate(codec.decode(encoded)),
  };
}

function refusedBy(issues: ReadonlyArray<SchemaIssue>): Error {
  const [first] = issues;
  const path = (first?.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.');
  const what = first === undefined ? 'the validator refused it' : first.message;
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : '';
  return invalidValue(`${path === '' ? '' : `${path}: `}${what}${more}`, { path, issues: issues.length }, { cause: issues });
}
