import { resolve } from 'node:path';
import {
  type ClusterId,
  type Logger,
  type Network,
  QuorateError,
  SILENT_LOGGER,
  formatAddress,
  nodeId,
  parseAddress,
  shownValue,
} from '@quorate/base';
import { type ConfiguredMember, type Host, type HostSettings, LocalNetwork, startHost } from '@quorate/host';
import type { AnyResourceType } from '@quorate/machine';
import { BUILTIN_TYPES } from '@quorate/resources';
import { checkedSettings } from './config-settings.js';
import { makeDataDirectory } from './data-directory.js';
import { nodePorts } from './ports.js';
import { VERSION } from './version.js';

const KEEP_ALIVE_MS = 1_000_000;

/** A node within this process. */
export interface EmbeddedNodeOptions {
  /** Directory of its data; made if it is not there. */
  readonly data: string;
  /** `host:port` under which the other members reach this node. */
  readonly address: string;
  /**
   * All members: their addresses (`host:port`), this node's among them or added; then their numbers follow from the order of the addresses, so
   * all members must give the same ones. Or the addresses by number. None: a cluster of this node alone.
   */
  readonly members?: readonly string[] | Readonly<Record<number, string>>;
  /** Where it listens, if that is not `address`. */
  readonly listen?: string;
  /** 16 hexadecimal digits: any other cluster is refused; at formation it becomes the id. */
  readonly clusterId?: ClusterId;
  /** Kinds of resources that the node has. Default: those that come with Quorate; add yours to `BUILTIN_TYPES`. Equal on all members. */
  readonly resources?: readonly AnyResourceType[];
  readonly settings?: Partial<HostSettings>;
  readonly logger?: Logger;
  /** The node cannot go on (its disk failed, an invariant broke): calls end with errors from here on. The process goes on. */
  readonly onFatal?: (error: QuorateError) => void;
}

/** A node that runs in this process. */
export interface EmbeddedNode {
  readonly host: Host;
  /** For clients in this process: what they send to this node does not leave the process. */
  readonly network: Network;
  /** This node first, then the other members. */
  readonly addresses: readonly string[];
  /** Calls back when the node cannot go on, as `onFatal`; at once if that was before. */
  whenFailed(callback: (error: QuorateError) => void): void;
  /** Hands leadership over, answers what is under way, closes the directory. */
  stop(): Promise<void>;
}

/**
 * Starts a node in this process; resolves once it listens. Errors: `invalidArgument`, `addressInvalid`, `addressInUse`, `directoryInUse`, `directoryForeign`,
 * `formatUnsupported`, `dataDamaged`, `diskFull`, `diskFailed`.
 */
export async function startEmbeddedNode(options: EmbeddedNodeOptions): Promise<EmbeddedNode> {
  checkKinds(options);
  const advertise = parseAddress(options.address);
  const own = formatAddress(advertise);
  const listen = options.listen === undefined ? advertise : parseAddress(options.listen);
  const members = membersOf(options, own);
  const self = members.find((member) => member.address === own);
  if (self === undefined)
    throw new QuorateError('invalidArgument', `members: does not list ${own}, the address of this node`, { address: own });
  const settings = checkedSettings(options.settings, 'settings');
  if (typeof options.data !== 'string' || options.data === '') {
    throw new QuorateError('invalidArgument', 'data must name a directory', { path: 'data' });
  }
  const directory = resolve(options.data);
  makeDataDirectory(directory);
  const ports = nodePorts(directory);
  const network = new LocalNetwork(ports.network, ports.timers);
  const failure = new Failure();
  const host = await new Promise<Host>((settle, reject) => {
    startHost(
      {
        nodeId: self.nodeId,
        listen,
        advertise,
        members,
        logger: options.logger ?? SILENT_LOGGER,
        version: VERSION,
        pid: process.pid,
        ...(options.clusterId === undefined ? {} : { clusterId: options.clusterId }),
        settings,
        resources: options.resources ?? BUILTIN_TYPES,
        ...ports,
        network,
      },
      (error, started) =>
        started === null ? reject(error ?? new QuorateError('invariantBroken', 'neither host nor error')) : settle(started),
      {
        fatal: (error) => {
          failure.happened(error);
          options.onFatal?.(error);
        },
      },
    );
  });
  network.alias(advertise, host.address);
  return {
    host,
    network,
    addresses: [own, ...members.map((member) => member.address).filter((address) => address !== own)],
    whenFailed: (callback) => failure.tell(callback),
    stop: () => stopHost(host),
  };
}

/** Why a node cannot go on, for whoever asks before or after. */
class Failure {
  #error: QuorateError | null = null;
  #callbacks: ((error: QuorateError) => void)[] = [];

  happened(error: QuorateError): void {
    this.#error = error;
    for (const callback of this.#callbacks.splice(0)) callback(error);
  }

  tell(callback: (error: QuorateError) => void): void {
    if (this.#error === null) this.#callbacks.push(callback);
    else callback(this.#error);
  }
}

function stopHost(host: Host): Promise<void> {
  // A node's timers do not keep the process alive, and at a stop its sockets close first.
  const keepAlive = setInterval(() => {}, KEEP_ALIVE_MS);
  return new Promise<void>((settle, reject) => {
    host.stop((error) => {
      clearInterval(keepAlive);
      if (error === null) settle();
      else reject(error);
    });
  });
}

/** What only whoever writes no types can get wrong. */
function checkKinds({ members, resources, logger, onFatal }: EmbeddedNodeOptions): void {
  if (members !== undefined && (typeof members !== 'object' || members === null))
    throw wrongKind('members', 'a list or addresses by number', members);
  if (resources !== undefined && !(Array.isArray(resources) && resources.every(isResourceType))) {
    throw wrongKind('resources', 'a list of resource types', resources);
  }
  if (logger !== undefined && typeof (logger as Logger | null)?.log !== 'function')
    throw wrongKind('logger', 'an object with a function "log"', logger);
  if (onFatal !== undefined && typeof onFatal !== 'function') throw wrongKind('onFatal', 'a function', onFatal);
}

function isResourceType(type: Partial<AnyResourceType> | null | undefined): boolean {
  return typeof type?.declaration?.operations === 'object' && typeof type.machine === 'object';
}

function wrongKind(path: string, what: string, value: unknown): QuorateError {
  return new QuorateError('invalidArgument', `${path} must be ${what}, not ${shownValue(value)}`, { path });
}

function membersOf({ members }: EmbeddedNodeOptions, own: string): readonly ConfiguredMember[] {
  if (members === undefined) return [{ nodeId: nodeId(1), address: own }];
  if (!Array.isArray(members)) {
    return Object.entries(members as Readonly<Record<number, string>>).map(([id, address]) => ({
      nodeId: nodeId(Number(id)),
      address: formatAddress(parseAddress(address)),
    }));
  }
  const addresses = new Set([own, ...(members as readonly string[]).map((address) => formatAddress(parseAddress(address)))]);
  return [...addresses].sort(byText).map((address, place) => ({ nodeId: nodeId(place + 1), address }));
}

/** By code units: the same order on every machine. */
function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
