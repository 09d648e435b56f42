// The oracle: runs programs of promises (README.md has the language) in Node.js, and records what happened. It also
// makes programs, at random.
//
//   node oracle.js generate FIRST_SEED COUNT > FILE     # COUNT programs, with what Node made of each
//   node oracle.js record FILE > NEW_FILE               # the programs of FILE, run anew
'use strict';

const { readFileSync } = require('fs');
const { inspect } = require('util');
const { Generator } = require('./generator.js');

Error.stackTraceLimit = 0;

// ---- The language ---------------------------------------------------------------------------------------------------

// A program is { name, turns }, a turn is an array of steps. A step is { op, target, operands, handlers }, of which
// `target` is a word (p3, t4, m5, a6), `operands` are words (v1, e2, p3), and a handler is { steps, outcome }.
const BLOCK_OPS = new Set(['later', 'micro']);
const AWAIT_OPS = new Set(['await', 'settled']);

function printStep({ op, target, operands, handlers }, indent) {
  let text = `${indent}${[target, op, ...operands].join(' ')}`;
  for (const { steps, outcome } of handlers) {
    if (steps.length > 0) text += ` {\n${printSteps(steps, `${indent} `)}${indent}}`;
    if (!BLOCK_OPS.has(op)) text += ` ${outcome}`;
  }
  return `${text}\n`;
}

function printSteps(steps, indent) {
  return steps.map((step) => printStep(step, indent)).join('');
}

function printTurns(turns) {
  return turns.map((steps) => printSteps(steps, '')).join('turn\n');
}

// How many words that are not handlers follow the op.
const OPERANDS = {
  new: 0, is: 1, settle: 1, then: 1, catch: 1, finally: 1, later: 0, micro: 0, async: 0, await: 1, settled: 1,
};

class Parser {
  constructor(text) {
    const lines = text.split('\n').map((line) => line.trim().split(/\s+/));
    this.lines = lines.filter(([first]) => first !== '' && first !== '#');
    this.at = 0;
  }

  // undefined at the end.
  program() {
    if (this.at === this.lines.length) return undefined;
    const [keyword, name] = this.lines[this.at++];
    if (keyword !== 'program') throw new Error(`expected "program NAME", found "${keyword}"`);
    const turns = [this.steps()];
    while (this.keyword() === 'turn') {
      ++this.at;
      turns.push(this.steps());
    }
    while (['log', 'end'].includes(this.keyword())) ++this.at;
    return { name, turns };
  }

  keyword() {
    return this.lines[this.at]?.[0];
  }

  steps() {
    const steps = [];
    while (!['}', 'turn', 'log', 'end', 'program', undefined].includes(this.keyword())) steps.push(this.step());
    return steps;
  }

  step() {
    const words = this.lines[this.at++];
    const [target, op] = words;
    const count = OPERANDS[op] ?? words.length - 2;
    const handlers = [];
    let rest = words.slice(2 + count);
    while (rest.length > 0) {
      const handler = { steps: [], outcome: undefined };
      if (rest[0] === '{') {
        handler.steps = this.steps();
        rest = this.lines[this.at++];
      }
      if (rest[0] === '}') rest = rest.slice(1);
      handler.outcome = rest[0];
      handlers.push(handler);
      rest = rest.slice(1);
    }
    if (BLOCK_OPS.has(op) && handlers.length === 0) handlers.push({ steps: [], outcome: undefined });
    return { op, target, operands: words.slice(2, 2 + count), handlers };
  }
}

// ---- Running a program ----------------------------------------------------------------------------------------------

function nameOfError(error) {
  if (error instanceof AggregateError) return `all(${error.errors.map(nameOfError).join()})`;
  return error.message.startsWith('Chaining cycle') ? 'cycle' : error.message;
}

// Beyond, ticks are not counted.
const MOST_TICKS = 64;

const asNumber = (word) => Number(word.slice(1));
const isPending = (promise) => inspect(promise).includes('<pending>');

class Run {
  // With a generator, the bodies of handlers and the turns are made up when their time has come.
  constructor(generator) {
    this.generator = generator;
    this.log = [];
    this.tick = 0;
    this.lastTick = 0;            // When something happened last.
    this.promises = new Map();    // By word.
    this.words = new Map();       // By promise.
    this.resolvers = new Map();   // By word.
    this.resolved = new Set();    // Words of promises whose resolvers were used.
    this.waitsFor = new Map();    // By word: the words of what the promise cannot settle without.
    this.mayWaitFor = new Map();  // By word: the inputs of a combinator.
    this.turnsAhead = 0;
  }

  say(word) {
    this.log.push(word);
  }

  // For what happens in a microtask: after the number of its tick, if nothing has happened in that one yet.
  sayInTick(word) {
    if (this.tick !== this.lastTick) this.say(this.tick);
    this.lastTick = this.tick;
    this.say(word);
  }

  // What is to run in the next turn, with ticks counted from there.
  schedule(f) {
    ++this.turnsAhead;
    setImmediate(() => {
      --this.turnsAhead;
      this.tick = this.lastTick = 0;
      this.countTicks();
      f();
    });
  }
  countTicks() {
    queueMicrotask(() => {
      if (++this.tick < MOST_TICKS) this.countTicks();
    });
  }

  runTurns(turns, index) {
    this.generator?.fillTurn(turns[index], this);
    if (!this.generator) turns[index].forEach((step) => this.execute(step));
    if (this.generator?.wantsAnotherTurn()) turns.push([]);
    if (index + 1 < turns.length) this.schedule(() => this.runTurns(turns, index + 1));
  }

  runBlock(step, { steps }) {
    this.sayInTick(step.target);
    if (this.generator) this.generator.fillBlock(steps, this);
    else steps.forEach((inner) => this.execute(inner));
  }

  // Runs a handler of the promise that `step` makes, and leaves it as it should be left.
  call(step, handler) {
    const { steps } = handler;
    if (this.generator) handler.outcome = this.generator.fillHandler(step, steps, this);
    else steps.forEach((inner) => this.execute(inner));
    return this.leave(step, handler);
  }

  // Runs the async function that `step` calls.
  async callAsync(step, handler) {
    for (const { op, target, operands: [operand] } of this.awaits(step, handler)) {
      if (operand[0] === 'p') this.addEdge(this.waitsFor, step.target, operand);
      const awaited = operand[0] === 'p' ? this.promises.get(operand) : asNumber(operand);
      const got = op === 'await' ? `v${await awaited}` : await awaited.then((value) => `v${value}`, nameOfError);
      this.sayInTick(`${target}:${got}`);
    }
    return this.leave(step, handler);
  }

  // Its awaits. Runs the steps between them.
  *awaits(step, handler) {
    if (this.generator) {
      handler.outcome = yield* this.generator.fillAsync(step, handler.steps, this);
      return;
    }
    for (const inner of handler.steps) {
      if (!AWAIT_OPS.has(inner.op)) this.execute(inner);
      else if (this.operandsExist(inner)) yield inner;
    }
  }

  leave(step, { outcome }) {
    if (outcome[0] === 'e') throw new Error(outcome);
    if (outcome[0] === 'v') return asNumber(outcome);
    if (!this.exists(outcome)) return Promise.resolve(0);
    this.addEdge(this.waitsFor, step.target, outcome);
    return this.promises.get(outcome);
  }

  exists(word) {
    if (this.promises.has(word)) return true;
    this.say(`missing:${word}`);
    return false;
  }

  operandsExist({ operands }) {
    return operands.every((word) => word[0] !== 'p' || this.exists(word));
  }

  make(word, promise) {
    this.promises.set(word, promise);
    this.words.set(promise, word);
  }

  addEdge(edges, from, to) {
    if (from === to) return;
    if (!edges.has(from)) edges.set(from, []);
    edges.get(from).push(to);
  }

  // Whether the promise `from` is pending until `to` settles; along `edges`.
  isWaiting(from, to, edges = [this.waitsFor], seen = new Set()) {
    if (seen.has(from) || !isPending(this.promises.get(from))) return false;
    seen.add(from);
    const next = edges.flatMap((map) => map.get(from) ?? []);
    return next.some((word) => word === to || this.isWaiting(word, to, edges, seen));
  }

  execute(step) {
    const { op, target, operands, handlers } = step;
    if (op === 'later') return this.schedule(() => this.runBlock(step, handlers[0]));
    if (op === 'micro') return queueMicrotask(() => this.runBlock(step, handlers[0]));
    if (!this.operandsExist(step)) return;
    if (op === 'settle') return this.settle(target, operands[0]);
    this.make(target, this.derive(step));
  }

  settle(target, outcome) {
    if (!this.exists(target)) return;
    const { resolve, reject } = this.resolvers.get(target);
    if (outcome[0] === 'e') reject(new Error(outcome));
    if (outcome[0] === 'v') resolve(asNumber(outcome));
    if (outcome[0] === 'p') {
      if (!this.resolved.has(target)) this.addEdge(this.waitsFor, target, outcome);
      resolve(this.promises.get(outcome));
    }
    this.resolved.add(target);
  }

  derive(step) {
    const { op, target, operands, handlers } = step;
    if (op === 'new') return new Promise((resolve, reject) => this.resolvers.set(target, { resolve, reject }));
    if (op === 'is') {
      return operands[0][0] === 'v' ? Promise.resolve(asNumber(operands[0])) : Promise.reject(new Error(operands[0]));
    }
    if (op === 'async') return this.callAsync(step, handlers[0]);
    const inputs = operands.map((word) => this.promises.get(word));
    const [input] = inputs;
    if (handlers.length > 0) {
      this.addEdge(this.waitsFor, target, operands[0]);
      const onValue = (handler) => (value) => {
        this.sayInTick(`${target}:v${value}`);
        return this.call(step, handler);
      };
      const onError = (handler) => (error) => {
        this.sayInTick(`${target}:${nameOfError(error)}`);
        return this.call(step, handler);
      };
      const onFinally = (handler) => () => {
        this.sayInTick(target);
        return this.call(step, handler);
      };
      if (op === 'catch') return input.catch(onError(handlers[0]));
      if (op === 'finally') return input.finally(onFinally(handlers[0]));
      if (handlers.length === 1) return input.then(onValue(handlers[0]));
      return input.then(onValue(handlers[0]), onError(handlers[1]));
    }
    operands.forEach((word) => this.addEdge(this.mayWaitFor, target, word));
    if (op === 'any') return Promise.any(inputs);
    if (op === 'race') return Promise.race(inputs);
    // A list is logged, and goes on as its length, for all values are numbers.
    const count = (words) => {
      this.sayInTick(`${target}:${words.join()}`);
      return words.length;
    };
    if (op === 'all') return Promise.all(inputs).then((values) => count(values.map((value) => `v${value}`)));
    if (op !== 'allSettled') throw new Error(`no such step: ${op}`);
    return Promise.allSettled(inputs).then((outcomes) =>
      count(outcomes.map(({ status, value, reason }) => (status === 'fulfilled' ? `v${value}` : nameOfError(reason)))));
  }

  // When nothing is left to run.
  hasDeadlock() {
    return [...this.promises.keys()].some((word) => this.isWaiting(word, word, [this.waitsFor, this.mayWaitFor]));
  }
}

let current;
process.on('unhandledRejection', (reason, promise) => {
  if (!current.words.has(promise)) throw new Error('a promise without a name is unhandled');
  current.say(`!${current.words.get(promise)}`);
});
process.on('rejectionHandled', () => {});

// Gives { log, end, deadlock }.
async function run(turns, generator) {
  current = new Run(generator);
  current.schedule(() => current.runTurns(turns, 0));
  do await new Promise(setImmediate);
  while (current.turnsAhead > 0);

  const log = current.log.join(' ');
  const deadlock = current.hasDeadlock();
  const states = new Map();
  for (const [word, promise] of current.promises) {
    states.set(word, '?');
    promise.then((value) => states.set(word, `v${value}`), (error) => states.set(word, nameOfError(error)));
  }
  await new Promise(setImmediate);
  const end = [...states].sort(([a], [b]) => asNumber(a) - asNumber(b)).map((pair) => pair.join('=')).join(' ');
  return { log, end, deadlock };
}

// ---- The commands ---------------------------------------------------------------------------------------------------

function write(name, turns, { log, end }) {
  process.stdout.write(`program ${name}\n${printTurns(turns)}log ${log}\nend ${end}\n\n`);
}

async function generate(firstSeed, count) {
  for (let seed = firstSeed; count > 0; ++seed) {
    const turns = [[]];
    const made = await run(turns, new Generator(seed));
    if (made.deadlock) continue;
    const parsed = new Parser(`program x\n${printTurns(turns)}log`).program().turns;
    const result = await run(parsed);
    if (result.log !== made.log || result.end !== made.end) throw new Error(`seed ${seed} is not what its text says`);
    write(seed, turns, result);
    --count;
  }
}

async function record(file) {
  const parser = new Parser(readFileSync(file, 'utf8'));
  for (let program = parser.program(); program; program = parser.program()) {
    write(program.name, program.turns, await run(program.turns));
  }
}

const [command, first, second] = process.argv.slice(2);
process.stdout.write(`# Recorded by oracle.js with Node.js ${process.version}.\n\n`);
if (command === 'generate') generate(Number(first), Number(second));
else if (command === 'record') record(first);
else throw new Error('usage: oracle.js generate FIRST_SEED COUNT | record FILE');
