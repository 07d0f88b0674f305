import { QuorateError, isErrorCode } from '@quorate/base';
import type { AnyResourceType } from './any-resource.js';
import type { ResourceDeclaration } from './resource-definition.js';
import type { ResourceMachine, ResourceType } from './resource-machine.js';
import { checkFieldNames } from './schema/compound-fields.js';

const TYPE_NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
const OPERATION_NAME = /^[a-z][A-Za-z0-9]{0,63}$/;
/** Longest name of a kind of resource, in characters. */
export const TYPE_NAME_MAX = 64;

/** True if this can name a kind of resource: lower-case letters, digits and hyphens, at most 64. */
export function isTypeName(type: string): boolean {
  return type.length <= TYPE_NAME_MAX && TYPE_NAME.test(type);
}

/**
 * Checks a declaration and returns it with its exact types. Throws `invalidArgument` that says what is wrong: names, codes (1 to 255, each once
 * among the operations and once among the events), missing descriptions, unknown error codes.
 */
export function declareResource<const D extends ResourceDeclaration>(declaration: D): D {
  const { type, version, doc, operations, events } = declaration;
  if (!isTypeName(type)) throw wrong(type, `"${type}" is not lower-case letters, digits and hyphens, at most ${TYPE_NAME_MAX}`);
  if (!Number.isInteger(version) || version < 1 || version > 0xffff) throw wrong(type, `version ${version} is not from 1 to 65535`);
  if (doc.trim() === '') throw wrong(type, 'has no description');
  checkNamed(type, 'operation', operations);
  checkNamed(type, 'event', events);
  for (const [name, operation] of Object.entries(operations)) {
    checkFieldNames(operation.args, `${type}.${name}`);
    for (const code of operation.errors as readonly string[]) {
      if (!isErrorCode(code)) throw wrong(`${type}.${name}`, `"${code}" is not an error code`);
    }
  }
  for (const [name, event] of Object.entries(events)) checkFieldNames(event.fields, `${type}.${name}`);
  return declaration;
}

/** A kind of resource from its declaration and its machine: what a node is given. */
export function resourceType<D extends ResourceDeclaration>(
  declaration: D,
  machine: ResourceMachine<D>,
): ResourceType<D> & AnyResourceType {
  return { declaration, machine };
}

function checkNamed(type: string, what: string, named: Readonly<Record<string, { readonly code: number; readonly doc: string }>>): void {
  const names = new Map<number, string>();
  for (const [name, { code, doc }] of Object.entries(named)) {
    const where = `${type}.${name}`;
    if (!OPERATION_NAME.test(name)) throw wrong(where, `"${name}" is not a name of an ${what}`);
    if (!Number.isInteger(code) || code < 1 || code > 255) throw wrong(where, `code ${code} is not from 1 to 255`);
    const other = names.get(code);
    if (other !== undefined) throw wrong(where, `code ${code} is taken by ${other}`);
    if (doc.trim() === '') throw wrong(where, 'has no description');
    names.set(code, name);
  }
}

function wrong(where: string, what: string): QuorateError {
  return new QuorateError('invalidArgument', `${where}: ${what}`, { where });
}
