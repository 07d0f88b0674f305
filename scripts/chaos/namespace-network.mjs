// Each node and each client in a network namespace of its own, joined by a bridge; cables are cut by iptables, one direction at a time.
import { spawnSync } from 'node:child_process';

function run(command, ...args) {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${(error?.message ?? stderr).trim()}`);
}

function attempt(command, ...args) {
  spawnSync(command, args, { stdio: 'ignore' });
}

/** How commands are run: those that must succeed, and those that may fail. */
const SHELL = { run, attempt };

/** Names of this process's namespaces and interfaces (at most 15 characters) and its addresses do not meet those of another run. */
const OWN = process.pid % 10_000;

export class NamespaceNetwork {
  kind = 'namespaces';
  #bridge = `qb${OWN}`;
  #names;
  #subnet;
  #shell;

  /** Why this machine cannot do it; null if it can. */
  static impossible() {
    if (process.platform !== 'linux') return 'needs Linux';
    if (process.getuid?.() !== 0) return 'needs root';
    for (const [command, ...args] of [
      ['ip', '-V'],
      ['iptables', '--version'],
    ]) {
      if (spawnSync(command, args, { stdio: 'ignore' }).status !== 0) return `needs the command "${command}"`;
    }
    const probe = `qp${OWN}`;
    try {
      run('ip', 'netns', 'add', probe);
      run('ip', 'netns', 'exec', probe, 'iptables', '-L', '-n');
      return null;
    } catch (error) {
      return error.message;
    } finally {
      attempt('ip', 'netns', 'del', probe);
    }
  }

  /** Makes a namespace for each name. `shell`: for tests where nobody is root. */
  constructor(names, shell = SHELL) {
    this.#names = [...names];
    this.#shell = shell;
    this.#subnet = `10.${100 + Math.floor(OWN / 256)}.${OWN % 256}`;
    try {
      this.#shell.run('ip', 'link', 'add', this.#bridge, 'type', 'bridge');
      this.#shell.run('ip', 'addr', 'add', `${this.#subnet}.254/24`, 'dev', this.#bridge);
      this.#shell.run('ip', 'link', 'set', this.#bridge, 'up');
      for (const name of this.#names) this.#add(name);
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  #add(name) {
    const space = this.#space(name);
    const [outside, inside] = [`qo${OWN}${this.#number(name)}`, `qi${OWN}${this.#number(name)}`];
    this.#shell.run('ip', 'netns', 'add', space);
    this.#shell.run('ip', 'link', 'add', outside, 'type', 'veth', 'peer', 'name', inside);
    this.#shell.run('ip', 'link', 'set', inside, 'netns', space);
    this.#shell.run('ip', 'link', 'set', outside, 'master', this.#bridge);
    this.#shell.run('ip', 'link', 'set', outside, 'up');
    this.#shell.run('ip', '-n', space, 'addr', 'add', `${this.host(name)}/24`, 'dev', inside);
    this.#shell.run('ip', '-n', space, 'link', 'set', inside, 'up');
    this.#shell.run('ip', '-n', space, 'link', 'set', 'lo', 'up');
  }

  #number(name) {
    const at = this.#names.indexOf(name);
    if (at < 0) throw new Error(`no namespace "${name}"`);
    return at + 1;
  }
  #space(name) {
    return `qn${OWN}-${this.#number(name)}`;
  }

  /** The address of a name's namespace. */
  host(name) {
    return `${this.#subnet}.${this.#number(name)}`;
  }

  /** Where a server of that name listens, and what it tells others. */
  listener(name) {
    const address = `${this.host(name)}:7400`;
    return { listen: address, advertise: address };
  }

  /** A command and its arguments, to be run in a name's namespace. It takes the place of the process that is started, so signals reach it. */
  within(name, command, args) {
    return ['ip', ['netns', 'exec', this.#space(name), command, ...args]];
  }

  /** Nothing sent by `from` reaches `to` any more. */
  cut(from, to) {
    this.#shell.run('ip', 'netns', 'exec', this.#space(to), 'iptables', '-A', 'INPUT', '-s', this.host(from), '-j', 'DROP');
  }

  /** Connections between the two break at once on both sides. */
  reset(a, b) {
    for (const [at, other] of [
      [a, b],
      [b, a],
    ]) {
      this.#shell.attempt('ip', 'netns', 'exec', this.#space(at), 'ss', '-K', 'dst', this.host(other));
    }
  }

  /** A part of the packets to a name is lost. */
  lose(name, part) {
    const rule = [
      '-A',
      'INPUT',
      '-i',
      `qi${OWN}${this.#number(name)}`,
      '-m',
      'statistic',
      '--mode',
      'random',
      '--probability',
      String(part),
      '-j',
      'DROP',
    ];
    this.#shell.run('ip', 'netns', 'exec', this.#space(name), 'iptables', ...rule);
  }

  /** All cables work again. */
  healAll() {
    for (const name of this.#names) this.#shell.run('ip', 'netns', 'exec', this.#space(name), 'iptables', '-F', 'INPUT');
  }

  remove() {
    for (const name of this.#names) this.#shell.attempt('ip', 'netns', 'del', this.#space(name));
    this.#shell.attempt('ip', 'link', 'del', this.#bridge);
  }
}
