import { type ByteReader, QuorateError } from '@quorate/base';
import type { AnyResourceType } from './any-resource.js';
import type { ArgumentFields } from './resource-definition.js';
import type { ApplyCall, QueryCall, ResourceMachine } from './resource-machine.js';
import type { ResourceDeclaration } from './resource-definition.js';
import type { AnyField } from './schema/field.js';

type NamedFields = readonly (readonly [name: string, field: AnyField])[];

/** One operation, found by its code. */
export interface CompiledOperation {
  /** `type.name`, for messages. */
  readonly path: string;
  readonly resultPath: string;
  readonly kind: 'command' | 'query';
  readonly args: NamedFields;
  readonly result: AnyField;
  /** The handler of the machine; what it may be handed follows from `kind`. */
  readonly handler: (call: ApplyCall<ResourceDeclaration> & QueryCall, args: unknown) => unknown;
}

export interface CompiledEvent {
  readonly code: number;
  readonly fields: NamedFields;
}

/** A kind of resource with its operations by code and its events by name. */
export interface CompiledType {
  readonly type: string;
  readonly version: number;
  readonly operations: readonly (CompiledOperation | undefined)[];
  readonly events: ReadonlyMap<string, CompiledEvent>;
  readonly machine: Pick<ResourceMachine<ResourceDeclaration>, 'hold' | 'sessionEnded' | 'timer' | 'holds'>;
}

/** The kinds of resources that a node has, by type and version. */
export class CompiledTypes {
  readonly #types = new Map<string, CompiledType>();

  /** Throws `invalidArgument` for two of the same type and version, and for an operation without a handler. */
  constructor(types: readonly AnyResourceType[]) {
    for (const each of types) {
      const compiled = compile(each);
      const key = keyOf(compiled.type, compiled.version);
      if (this.#types.has(key)) throw new QuorateError('invalidArgument', `two resource types are ${key}`, { type: compiled.type });
      this.#types.set(key, compiled);
    }
  }

  find(type: string, version: number): CompiledType | undefined {
    return this.#types.get(keyOf(type, version));
  }
}

/** The values of named fields from all that is left to read. Throws `malformedFrame`. */
export function readNamed(fields: NamedFields, reader: ByteReader): unknown {
  const values: Record<string, unknown> = {};
  for (const [name, field] of fields) values[name] = field.read(reader);
  reader.end();
  return values;
}

/** The fault of a resource that this node cannot run. */
export function resourceUnsupported(type: string, version: number): QuorateError {
  return new QuorateError('resourceUnsupported', `this node has no resource type ${type} of version ${version}`, { type, version });
}

function keyOf(type: string, version: number): string {
  return `${type} ${version}`;
}

function compile({ declaration, machine }: AnyResourceType): CompiledType {
  const { type, version } = declaration;
  const operations: (CompiledOperation | undefined)[] = [];
  for (const [name, { kind, code, args, result }] of Object.entries(declaration.operations)) {
    const handlers = kind === 'command' ? machine.commands : machine.queries;
    const handler = Object.hasOwn(handlers, name) ? handlers[name] : undefined;
    if (handler === undefined) throw new QuorateError('invalidArgument', `${type}.${name} has no handler`, { type, name });
    // Decoded by the declaration that the handler was checked against.
    const path = `${type}.${name}`;
    operations[code] = {
      path,
      resultPath: `${path} result`,
      kind,
      args: named(args),
      result,
      handler: handler.bind(handlers) as CompiledOperation['handler'],
    };
  }
  const events = new Map(Object.entries(declaration.events).map(([name, { code, fields }]) => [name, { code, fields: named(fields) }]));
  return { type, version, operations, events, machine };
}

function named(fields: ArgumentFields): NamedFields {
  return Object.entries(fields);
}
