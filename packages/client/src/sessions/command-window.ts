import { FlightLimit, type LogIndex, QuorateError } from '@quorate/base';
import type { CommandReply } from '@quorate/wire';
import { SHARED_FLIGHT, isTooLate } from '../core/shared-flight.js';
import { WaitingList } from '../core/waiting-list.js';
import type { CommandCall } from './command-call.js';
import { COMMANDS_HEADER_BYTES, COMMAND_HEADER_BYTES, MACHINE_OPERATION } from '@quorate/machine';

/** Payloads, commands and bytes that are on their way at a time, at most. Commands: half of what a machine keeps replies of. */
const FLIGHT_PAYLOADS_MAX = 64;
const FLIGHT_COMMANDS_MAX = 16_384;
const FLIGHT_BYTES_MAX = 8_388_608;
/** Payloads that are on their way or answered and not told. */
const PAYLOADS_MAX = 128;
/**
 * Commands and bytes of one payload, unless one command has more: a replica applies it in one go, and everything else waits for that, elections too. So also no more than it applies
 * in such a time, in ms, as far as answers tell; so few may always go together.
 */
const PAYLOAD_COMMANDS_MAX = 1024;
const PAYLOAD_COMMANDS_LEAST = 64;
const PAYLOAD_MS = 50;
const PAYLOAD_BYTES_MAX = 131_072;
/** A payload has no more than such a part of the commands that may be on their way. */
const PAYLOAD_PARTS = 4;
/** Commands that are done leave the list in pieces of this many. */
const TRIM_COUNT = 1024;
const NO_BYTES = new Uint8Array(0);

/** Consecutive commands that go out together, again and again until they are answered. */
export interface CommandPayload {
  readonly firstNumber: number;
  readonly count: number;
  /** Length when encoded. */
  readonly bytes: number;
  /** When it went out last, of the client's clock in ms. */
  sentMs: number;
  state: 'waiting' | 'sent' | 'answered';
  /** A copy went out of which no answer came: it may be applied yet. */
  hasUnknownCopy: boolean;
}

/**
 * The commands of one session that are not done, and the payloads they go out in.
 *
 * A command waits without a number until there is room for it on the way: if it is given up before, nothing of it is left. Numbers are dense from 1. A command is done
 * once it is answered by the cluster and settled for its caller; the list of those with numbers begins at the first that is not. `formedTo`: numbers up
 * to it are in payloads, which never change while a copy may be somewhere: so what is sent again is what was sent before.
 */
export class CommandWindow {
  /** How much may be on its way. */
  readonly flight: FlightLimit = new FlightLimit(SHARED_FLIGHT);
  /** Those without numbers. */
  readonly #waiting = new WaitingList<CommandCall>((call) => call.isSettled);
  #lastPlace = 0;
  #commands: CommandCall[] = [];
  /** Number of `#commands[0]`. */
  #baseNumber = 1;
  #doneTo = 0;
  #formedTo = 0;
  #nextNumber = 1;
  #answeredTo = 0;
  /** No number below it is unsettled. */
  #liveFrom = 1;
  #payloads: CommandPayload[] = [];
  #flightCount = 0;
  #flightBytes = 0;
  #flightCommands = 0;
  #bytes = 0;
  #lastReplyIndex: LogIndex = 0;
  /** What a command took lately where many were on their way, in ms: at most what applying it takes, and what else the node does meanwhile. */
  #commandMs = 0;
  /** The node refused the last payload of which it said something: too much waits there. */
  #isRefused = false;

  /** The next number. */
  get nextNumber(): number {
    return this.#nextNumber;
  }
  /** Place of the last command in the order of submission, from 1; 0 if there was none. */
  get lastPlace(): number {
    return this.#lastPlace;
  }
  /** Commands that are not done. */
  get count(): number {
    return this.#nextNumber - 1 - this.#doneTo + this.#waiting.size;
  }
  /** Bytes of their arguments. */
  get bytes(): number {
    return this.#bytes;
  }
  /** All replies up to this number are here, and will not be asked for again. */
  get acknowledgeable(): number {
    const open = this.#payloads.find((payload) => payload.state !== 'answered');
    return open === undefined ? this.#answeredTo : Math.min(this.#answeredTo, open.firstNumber - 1);
  }
  /** Highest log index of a reply. */
  get lastReplyIndex(): LogIndex {
    return this.#lastReplyIndex;
  }
  get hasWaiting(): boolean {
    return this.#waiting.size > 0 || this.#formedTo < this.#nextNumber - 1 || this.#payloads.some((payload) => payload.state === 'waiting');
  }
  /** True if one more payload may be on its way. */
  get maySendMore(): boolean {
    if (this.#flightCount === 0) return true;
    const { part } = this.flight;
    return (
      this.#flightCount < FLIGHT_PAYLOADS_MAX &&
      this.#flightBytes + this.#payloadBytesMax <= part * FLIGHT_BYTES_MAX &&
      this.#flightCommands + this.#payloadCommandsMax <= part * FLIGHT_COMMANDS_MAX
    );
  }
  get #payloadCommandsMax(): number {
    const inTime = Math.max(PAYLOAD_COMMANDS_LEAST, PAYLOAD_MS / this.#commandMs);
    return Math.floor(Math.min(PAYLOAD_COMMANDS_MAX, (this.flight.part * FLIGHT_COMMANDS_MAX) / PAYLOAD_PARTS, inTime));
  }
  get #payloadBytesMax(): number {
    return Math.min(PAYLOAD_BYTES_MAX, Math.ceil((this.flight.part * FLIGHT_BYTES_MAX) / PAYLOAD_PARTS));
  }

  add(call: CommandCall): void {
    this.#lastPlace += 1;
    call.place = this.#lastPlace;
    this.#waiting.push(call);
    this.#bytes += call.args.length;
  }

  /** True if no command up to this place waits for a number. */
  isNumbered(place: number): boolean {
    const first = this.#waiting.first();
    return first === undefined || first.place > place;
  }

  /** The number of the last command up to this place; those that wait for theirs get it. */
  numberAt(place: number): number {
    while (!this.isNumbered(place)) this.#giveNumber(this.#waiting.first() as CommandCall);
    let low = 0;
    let high = this.#commands.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#commands[middle] as CommandCall).place <= place) low = middle + 1;
      else high = middle;
    }
    return this.#baseNumber - 1 + low;
  }

  #giveNumber(call: CommandCall): void {
    this.#waiting.shift();
    call.number = this.#nextNumber;
    this.#commands.push(call);
    this.#nextNumber += 1;
  }

  /** Those that would go out next and are too late. None while nothing is known of how long answers take now. */
  late(nowMs: number): CommandCall[] {
    if (this.#flightCount === 0 && !this.#isRefused) return [];
    const again = this.#firstToSend();
    if (again !== undefined) return again.hasUnknownCopy ? [] : this.commandsOf(again).filter((call) => this.#isLate(call, nowMs));
    const late: CommandCall[] = [];
    let left = this.#payloadCommandsMax;
    for (const call of this.#waiting) {
      if (this.#isLate(call, nowMs)) late.push(call);
      else left -= 1;
      if (left === 0) break;
    }
    return late;
  }

  #isLate(call: CommandCall, nowMs: number): boolean {
    return !call.isSettled && isTooLate(call, nowMs, this.flight.answerMs);
  }

  /** The first payload that must be sent, made of what waits if there is none; null if there is nothing or no room. */
  nextToSend(): CommandPayload | null {
    return this.#firstToSend() ?? (this.#payloads.length < PAYLOADS_MAX ? this.#form() : null);
  }

  #firstToSend(): CommandPayload | undefined {
    return this.#payloads.find((payload) => payload.state === 'waiting');
  }

  #form(): CommandPayload | null {
    const firstNumber = this.#formedTo + 1;
    const countMax = this.#payloadCommandsMax;
    const bytesMax = this.#payloadBytesMax;
    let bytes = COMMANDS_HEADER_BYTES;
    let count = 0;
    while (count < countMax) {
      const number = firstNumber + count;
      const call = number < this.#nextNumber ? this.#at(number) : this.#waiting.first();
      if (call === undefined) break;
      const more = COMMAND_HEADER_BYTES + call.args.length;
      if (count > 0 && bytes + more > bytesMax) break;
      if (number === this.#nextNumber) this.#giveNumber(call);
      bytes += more;
      count += 1;
    }
    if (count === 0) return null;
    const payload: CommandPayload = { firstNumber, count, bytes, sentMs: 0, state: 'waiting', hasUnknownCopy: false };
    this.#formedTo += count;
    this.#payloads.push(payload);
    return payload;
  }

  /** The commands of a payload, in order. */
  commandsOf(payload: CommandPayload): CommandCall[] {
    const from = payload.firstNumber - this.#baseNumber;
    return this.#commands.slice(from, from + payload.count);
  }

  /** It goes out. */
  sent(payload: CommandPayload, nowMs: number): void {
    payload.state = 'sent';
    payload.sentMs = nowMs;
    this.#flightCount += 1;
    this.#flightBytes += payload.bytes;
    this.#flightCommands += payload.count;
    for (let i = 0; i < payload.count; i++) this.#at(payload.firstNumber + i).wasSent = true;
  }

  /** Its answer will not come, or it was refused: it goes out again. `isUnknown`: this copy may yet be applied. */
  back(payload: CommandPayload, isUnknown: boolean): void {
    if (payload.state !== 'sent') return;
    this.#landed(payload);
    payload.state = 'waiting';
    if (isUnknown) payload.hasUnknownCopy = true;
    else if (!payload.hasUnknownCopy) this.#unsend(payload);
  }

  /** Nothing of it is applied, nor will be: its commands can be given up as if they had never been sent. */
  #unsend(payload: CommandPayload): void {
    for (const call of this.commandsOf(payload)) {
      call.wasSent = false;
      if (call.isSettled) this.#bytes -= call.fill(MACHINE_OPERATION.nothing);
    }
  }

  #landed(payload: CommandPayload): void {
    this.#flightCount -= 1;
    this.#flightBytes -= payload.bytes;
    this.#flightCommands -= payload.count;
  }

  /** All of it was answered. */
  came(payload: CommandPayload, nowMs: number): void {
    const part = Math.max(payload.bytes / FLIGHT_BYTES_MAX, payload.count / FLIGHT_COMMANDS_MAX);
    const underWay = Math.max(this.#flightBytes / FLIGHT_BYTES_MAX, this.#flightCommands / FLIGHT_COMMANDS_MAX);
    this.flight.answered({ sentMs: payload.sentMs, nowMs, part, underWay });
    this.#isRefused = false;
    if (this.#flightCommands >= PAYLOAD_COMMANDS_LEAST) this.#commandMs = (nowMs - payload.sentMs) / this.#flightCommands;
  }

  /** It was refused because too much waits at the node. */
  refused(payload: CommandPayload, nowMs: number): void {
    this.flight.refused(payload.sentMs, nowMs);
    this.#isRefused = true;
  }

  /** Those from this number on are not on their way any more: what is not answered of them goes out again, in order. */
  resend(firstNumber: number): void {
    for (const payload of this.#payloads) if (payload.firstNumber >= firstNumber) this.back(payload, true);
  }

  /** True if it is the first that is not answered. */
  isHead(payload: CommandPayload): boolean {
    return this.#payloads.find((other) => other.state !== 'answered') === payload;
  }

  /** Replies came, by number; copies of those that were known are dropped. Throws `malformedFrame` if they are not of this payload. */
  answered(payload: CommandPayload, firstNumber: number, replies: readonly CommandReply[], isLast: boolean): void {
    const end = firstNumber + replies.length;
    if (firstNumber < payload.firstNumber || end > payload.firstNumber + payload.count) {
      throw new QuorateError('malformedFrame', `replies ${firstNumber} to ${end - 1} to commands from ${payload.firstNumber} on`);
    }
    // What is done has left the list.
    for (let number = Math.max(firstNumber, this.#doneTo + 1); number < end; number++) {
      const call = this.#at(number);
      if (call.reply === null) call.reply = kept(replies[number - firstNumber] as CommandReply);
    }
    while (this.#answeredTo < this.#nextNumber - 1) {
      const { reply } = this.#at(this.#answeredTo + 1);
      if (reply === null) break;
      this.#answeredTo += 1;
      if (reply.index > this.#lastReplyIndex) this.#lastReplyIndex = reply.index;
    }
    if (isLast) this.#complete(payload);
    this.#trim();
  }

  #complete(payload: CommandPayload): void {
    for (let number = Math.max(payload.firstNumber, this.#doneTo + 1); number < payload.firstNumber + payload.count; number++) {
      if (this.#at(number).reply === null) {
        throw new QuorateError('malformedFrame', `no reply to command ${number} where it belongs`, { number });
      }
    }
    if (payload.state === 'sent') this.#landed(payload);
    payload.state = 'answered';
  }

  /** The first command that its caller waits for; undefined if there is none. */
  firstLive(): CommandCall | undefined {
    while (this.#liveFrom < this.#nextNumber) {
      const call = this.#at(this.#liveFrom);
      if (!call.isSettled) return call;
      this.#liveFrom += 1;
    }
    return this.#waiting.first();
  }

  /** A command was settled for its caller: it leaves as far as that is possible. With a number it keeps that (rule 12). */
  settled(call: CommandCall): void {
    if (!call.wasSent) {
      this.#bytes -= call.fill(MACHINE_OPERATION.nothing);
      if (call.number === 0) this.#waiting.gone();
    }
    this.#trim();
  }

  /** Those of a payload that was refused for good only keep their numbers from now on. */
  fill(payload: CommandPayload): void {
    for (const call of this.commandsOf(payload)) this.#bytes -= call.fill(MACHINE_OPERATION.nothing);
  }

  /** Every command that somebody waits for, in order. */
  live(): CommandCall[] {
    return [...this.#commands.filter((call) => !call.isSettled), ...this.#waiting];
  }

  #trim(): void {
    while (this.#doneTo < this.#answeredTo) {
      const call = this.#at(this.#doneTo + 1);
      if (!call.isSettled) break;
      this.#doneTo += 1;
      // It may go out again with its payload; as its number was applied, it does not matter what it says.
      this.#bytes -= call.release(MACHINE_OPERATION.nothing);
    }
    this.#liveFrom = Math.max(this.#liveFrom, this.#doneTo + 1);
    while (this.#payloads[0]?.state === 'answered' && this.#payloads[0].firstNumber + this.#payloads[0].count - 1 <= this.#doneTo) {
      this.#payloads.shift();
    }
    const first = this.#payloads[0]?.firstNumber ?? this.#doneTo + 1;
    const gone = Math.min(first, this.#doneTo + 1) - this.#baseNumber;
    if (gone >= TRIM_COUNT || gone === this.#commands.length) {
      this.#commands.splice(0, gone);
      this.#baseNumber += gone;
    }
  }

  #at(number: number): CommandCall {
    const call = this.#commands[number - this.#baseNumber];
    if (call === undefined) throw new QuorateError('invariantBroken', `command ${number} is not in the window`, { number });
    return call;
  }
}

/** A reply that outlives its frame. */
function kept(reply: CommandReply): CommandReply {
  if (!reply.isOk) return reply;
  return { index: reply.index, isOk: true, result: reply.result.length === 0 ? NO_BYTES : reply.result.slice() };
}
