import type { ErrorCode } from '@quorate/base';
import type { AnyField, ValueOf } from './schema/field.js';

/** Named arguments: a record of fields. */
export type ArgumentFields = Readonly<Record<string, AnyField>>;
/** The values of named fields. */
export type ArgumentsOf<A extends ArgumentFields> = { readonly [K in keyof A]: ValueOf<A[K]> };

/** A command changes state: it is logged, numbered in its session and applied exactly once. */
export interface CommandDeclaration<A extends ArgumentFields = ArgumentFields, R extends AnyField = AnyField> {
  readonly kind: 'command';
  /** Number on the wire and in the log; never reused with another meaning. 1 to 255. */
  readonly code: number;
  /** What it does, one sentence. */
  readonly doc: string;
  readonly args: A;
  readonly result: R;
  /** Codes that it may be refused with, besides those that every call may have. */
  readonly errors: readonly ErrorCode[];
}

/** A query changes nothing and is not logged. */
export interface QueryDeclaration<A extends ArgumentFields = ArgumentFields, R extends AnyField = AnyField> {
  readonly kind: 'query';
  readonly code: number;
  readonly doc: string;
  readonly args: A;
  readonly result: R;
  readonly errors: readonly ErrorCode[];
}

/** An event is published to a session while a command (or a timer) is applied. */
export interface EventDeclaration<A extends ArgumentFields = ArgumentFields> {
  readonly code: number;
  readonly doc: string;
  readonly fields: A;
}

/** A command or a query; `kind` tells which. */
export type OperationDeclaration = CommandDeclaration | QueryDeclaration;

/** Everything that is known of a kind of resource, declared once: its codec, typed face, documentation and test generators follow from it. */
export interface ResourceDeclaration {
  /** Kind, as people name it: `map`. Lower-case letters, digits and hyphens, at most 64 characters. */
  readonly type: string;
  /** Version of its state and operations. A replica that lacks this version of a resource that exists stops its group. */
  readonly version: number;
  readonly doc: string;
  readonly operations: Readonly<Record<string, OperationDeclaration>>;
  readonly events: Readonly<Record<string, EventDeclaration>>;
}

/** Names of the commands of a declaration. */
export type CommandNames<D extends ResourceDeclaration> = {
  [K in keyof D['operations']]: D['operations'][K]['kind'] extends 'command' ? K : never;
}[keyof D['operations']] &
  string;

/** Names of its queries. */
export type QueryNames<D extends ResourceDeclaration> = {
  [K in keyof D['operations']]: D['operations'][K]['kind'] extends 'query' ? K : never;
}[keyof D['operations']] &
  string;

/** Values of the arguments of an operation. */
export type OperationArguments<D extends ResourceDeclaration, K extends keyof D['operations']> = ArgumentsOf<D['operations'][K]['args']>;
/** Value of its result. */
export type OperationResult<D extends ResourceDeclaration, K extends keyof D['operations']> = ValueOf<D['operations'][K]['result']>;
/** Values of the fields of an event. */
export type EventValues<D extends ResourceDeclaration, K extends keyof D['events']> = ArgumentsOf<D['events'][K]['fields']>;
