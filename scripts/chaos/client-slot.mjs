// A place for one client: the process that is there now, those that were there before, and what they have written.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Process, until } from '../prove/processes.mjs';

const CLIENT = fileURLToPath(new URL('client.mjs', import.meta.url));

export class ClientSlot {
  process = null;
  /** All processes of this place: `{ name, file, endNs, figures }`; `endNs`: when it was seen to have been killed, null: it ended in order. */
  lives = [];
  isPaused = false;
  #options;
  #isStopped = false;
  #isFinished = false;
  #isKilling = false;

  /** `{ slot, folder, within, seed, argumentsOf, problem }` */
  constructor(options) {
    this.#options = options;
  }

  /** Of its namespace, and for people. */
  get name() {
    return this.#options.slot;
  }
  get isRunning() {
    return this.process?.isRunning === true;
  }

  start() {
    const { slot, folder, within, seed, argumentsOf, problem } = this.#options;
    const number = this.lives.length;
    const life = { name: `${slot}.${number}`, file: join(folder, `${slot}.${number}.jsonl`), endNs: null, hasStarted: false, figures: {} };
    this.lives.push(life);
    writeFileSync(life.file, '');
    this.#isKilling = false;
    this.isPaused = false;
    const given = JSON.stringify({ ...argumentsOf(), name: life.name, file: life.file, seed: seed + 1000 * number });
    const [command, args] = within(slot, process.execPath, [CLIENT, given]);
    const started = new Process(command, args, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    this.process = started;
    started.child.on('message', (message) => {
      if (message.started) life.hasStarted = true;
      if (message.problem) problem(message.problem);
      if (message.figures) life.figures = message.figures;
      if (message.stopped) this.#isStopped = true;
      if (message.finished) this.#isFinished = true;
    });
    void this.#watch(started, life);
  }

  async #watch(started, life) {
    const { code, signal } = await started.ended;
    if (code === 0) return;
    life.endNs = process.hrtime.bigint();
    if (this.#isKilling) return;
    this.#options.problem(`client ${life.name} ended by itself: ${code ?? signal}\n${started.lines.slice(-20).join('\n')}`);
  }

  /** It works. */
  get hasStarted() {
    return this.lives.at(-1)?.hasStarted === true;
  }

  async kill() {
    this.#isKilling = true;
    await this.process?.kill();
  }

  pause() {
    this.isPaused = this.process.signal('SIGSTOP');
  }
  resume() {
    this.isPaused = false;
    this.process.signal('SIGCONT');
  }

  /** No new calls; until those open have an outcome. */
  async stop(withinMs) {
    this.process.child.send({ stop: true });
    await until(`client ${this.name} to stop`, () => this.#isStopped || !this.isRunning, { withinMs });
  }

  /** Until its watches were told of everything, and its end. */
  async finish(final, withinMs) {
    if (!this.isRunning) return;
    this.process.child.send({ finish: final });
    await until(`client ${this.name} to finish`, () => this.#isFinished && !this.isRunning, { withinMs });
  }
}
